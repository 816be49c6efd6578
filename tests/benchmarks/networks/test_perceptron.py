"""The perceptron rule on truth tables."""

import itertools

import numpy as np
import pytest

from benchmarks.networks.perceptron import POINTS, TABLES, learn

STARTS = list(itertools.product((-2, 0, 3), repeat=3))
ORDERS = list(itertools.permutations(range(4)))[::5]


def outputs(weights):
    return tuple(int(one) for one in POINTS @ np.array(weights[:2]) + weights[2] > 0)


@pytest.mark.parametrize("task", ["AND", "OR"])
def test_a_separable_table_is_learned_from_every_start(task):
    for start, order in itertools.product(STARTS, ORDERS):
        run = learn(TABLES[task], start, order, most_epochs=1_000)
        assert run.converged
        assert not run.cycle
        assert outputs(run.weights[-1]) == TABLES[task]


def test_xor_is_not_learned_and_the_cycle_repeats_itself():
    for start, order in itertools.product(STARTS, ORDERS):
        run = learn(TABLES["XOR"], start, order, most_epochs=1_000)
        assert not run.converged
        assert run.cycle
        again = learn(TABLES["XOR"], run.cycle[-1], order, most_epochs=1_000)
        assert list(again.cycle) == list(run.cycle)


def test_the_rule_from_zero_on_and_by_hand():
    run = learn(TABLES["AND"], (0, 0, 0), (0, 1, 2, 3), most_epochs=100)
    # Only (1, 1) is wrong at first: it is added. Then (0, 0) is, and taken off; and so on.
    assert run.weights[:4] == [(0, 0, 0), (1, 1, 1), (1, 1, 0), (1, 0, -1)]


def test_a_rule_that_is_stopped_neither_converged_nor_cycled():
    run = learn(TABLES["XOR"], (0, 0, 0), (0, 1, 2, 3), most_epochs=1)
    assert (run.converged, run.cycle, run.epochs) == (False, (), 1)
