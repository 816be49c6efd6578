"""Theory's constants and rates for quadratics, against the iteration's own eigenvalues."""

import math

import numpy as np
import pytest

from benchmarks.optimizers.methods import theory


def factor(method, rate, momentum, curvature):
    """By how much the slowest solution of the recurrence along one axis shrinks in a step."""
    keeps = 1 - rate * curvature
    if method == "SGD":
        return abs(keeps)
    first = {"momentum": momentum + keeps, "Nesterov": (1 + momentum) * keeps}[method]
    second = {"momentum": momentum, "Nesterov": momentum * keeps}[method]
    return max(abs(np.roots([1, -first, second])))


@pytest.mark.parametrize("method", ["SGD", "momentum", "Nesterov"])
@pytest.mark.parametrize("condition", [1, 10, 10_000])
def test_the_slowest_axis_shrinks_by_the_stated_factor(method, condition):
    told = theory(method, condition)
    slowest = max(
        factor(method, told.rate, told.momentum, curvature)
        for curvature in np.linspace(1, condition, 101)
    )
    assert slowest == pytest.approx(told.factor, abs=1e-6)


@pytest.mark.parametrize("method", ["SGD", "momentum", "Nesterov"])
@pytest.mark.parametrize("other", [0.8, 0.95, 1.05, 1.2])
def test_no_other_learning_rate_is_faster_in_the_worst_case(method, other):
    told = theory(method, 100)

    def slowest(rate):
        return max(factor(method, rate, told.momentum, curvature) for curvature in (1, 100))

    assert slowest(other * told.rate) > told.factor


def test_steps_follow_from_the_factor():
    told = theory("SGD", 100)
    assert told.factor ** told.steps(1e-3) == pytest.approx(1e-3)
    assert theory("SGD", 1).steps(1e-3) == 1
    assert theory("momentum", 10_000).steps(1e-3) == pytest.approx(
        math.log(1e-3) / math.log(99 / 101)
    )


def test_there_is_no_theory_of_other_methods():
    with pytest.raises(ValueError, match=r"Received: method='Adam'"):
        theory("Adam", 10)
