"""The choice of a setting on validation images."""

import math

import pytest

from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.tuning import best


def records(errors, status="ok"):
    """By learning rate, the validation errors of an arm's seeds."""
    return [
        Record(
            Trial("demo", 1, "quick", "MNIST", "", 0, seed, {"norm": "BN", "learning_rate": rate}),
            status if error is None else "ok",
            "",
            metrics={} if error is None else {"validation_error": error},
        )
        for rate, seeds in errors.items()
        for seed, error in enumerate(seeds)
    ]


def test_the_lowest_mean_over_seeds_is_chosen():
    choice = best(records({0.1: [3, 5], 0.3: [1, 4], 1.0: [0.5, 9]}), norm="BN")
    assert (choice.value, choice.at_edge, str(choice)) == (0.3, False, "0.3")


def test_a_choice_at_the_edge_of_the_grid_says_so():
    choice = best(records({0.1: [3], 0.3: [2], 1.0: [1]}))
    assert choice.at_edge
    assert str(choice) == "1.0 (edge of the grid)"


def test_a_single_value_is_no_edge():
    assert not best(records({0.1: [3]})).at_edge


@pytest.mark.parametrize("other", [80.0, 44.0])
def test_a_run_that_diverged_counts_as_guessing(other):
    found = records({0.1: [other, other], 0.3: [1.0, None]}, status="diverged")
    assert best(found).value == (0.3 if other > 45.5 else 0.1)


def test_an_arm_that_was_not_run_has_no_choice():
    assert best(records({0.1: [3]}), norm="none").value is None


def test_infinity_rules_out_a_value_with_which_a_run_diverged():
    found = records({0.1: [30.0, 30.0], 0.3: [1.0, None]}, status="diverged")
    assert best(found, diverged=math.inf).value == 0.1
    assert best(records({0.3: [None]}, status="diverged"), diverged=math.inf).value is None
