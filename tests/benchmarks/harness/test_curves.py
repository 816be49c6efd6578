"""The cost of reaching an error, read from learning curves."""

from dataclasses import replace

import pytest

from benchmarks.harness.curves import cost_to_reach


@pytest.fixture
def curved(make_record):
    """A record with a validation error by point; points lie 10 updates and 3 seconds apart."""

    def make(errors, **fields):
        points = range(1, len(errors) + 1)
        curves = {
            "updates": [10 * point for point in points],
            "seconds": [3.0 * point for point in points],
            "validation_error": errors,
        }
        return replace(make_record(**fields), curves=curves)

    return make


@pytest.mark.parametrize(("target", "cost"), [(9, 10), (8, 10), (4, 30), (5, 30), (3, 50)])
def test_the_first_point_at_or_below_the_target_counts(curved, target, cost):
    record = curved([8, 6, 4, 5, 3])  # it rises again once
    assert cost_to_reach(record, "validation_error", target, "updates") == cost


def test_seconds_are_a_cost_too(curved):
    assert cost_to_reach(curved([8, 6, 4]), "validation_error", 6, "seconds") == 6.0


def test_an_error_that_is_never_reached_raises(curved):
    with pytest.raises(ValueError, match=r"validation_error never reaches 1 .* ends at 4"):
        cost_to_reach(curved([8, 4]), "validation_error", 1, "updates")
