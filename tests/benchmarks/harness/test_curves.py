"""The cost of reaching an error, read from learning curves."""

from dataclasses import replace

import pytest

from benchmarks.harness.curves import cost_ratios, cost_to_reach


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


def ratios(records, cost="updates", **where):
    slow, fast = {"rate": 0.5}, {"rate": 1.0}
    return cost_ratios(records, "validation_error", cost, slow, fast, **where)


@pytest.mark.parametrize(("target", "cost"), [(9, 10), (8, 10), (4, 30), (5, 30), (3, 50)])
def test_the_first_point_at_or_below_the_target_counts(curved, target, cost):
    record = curved([8, 6, 4, 5, 3])  # it rises again once
    assert cost_to_reach(record, "validation_error", target, "updates") == cost


def test_seconds_are_a_cost_too(curved):
    assert cost_to_reach(curved([8, 6, 4]), "validation_error", 6, "seconds") == 6.0


def test_an_error_that_is_never_reached_raises(curved):
    with pytest.raises(ValueError, match=r"validation_error never reaches 1 .* ends at 4"):
        cost_to_reach(curved([8, 4]), "validation_error", 1, "updates")


def test_arms_are_compared_at_the_lowest_error_that_both_reach(curved):
    slow = curved([9, 7, 5, 3], rate=0.5)  # reaches 4 at the fourth point
    fast = curved([8, 4, 4, 4], rate=1.0)  # and this one at the second
    assert ratios([slow, fast]) == {0: 2.0}
    assert ratios([slow, fast], cost="seconds") == {0: 2.0}


def test_the_slow_arm_may_turn_out_the_faster(curved):
    assert ratios([curved([4, 4], rate=0.5), curved([8, 4], rate=1.0)]) == {0: 0.5}


def test_only_whole_pairs_of_converged_arms_are_compared(curved):
    records = [
        curved([8, 4], rate=0.5, repetition=0),
        curved([4, 4], rate=1.0, repetition=0),
        curved([8, 4], rate=0.5, repetition=1),  # the other arm lacks this repetition
        curved([8, 4], rate=0.5, repetition=2),
        curved([4, 4], rate=1.0, repetition=2, status="diverged"),
    ]
    assert ratios(records) == {0: 2.0}


def test_other_arms_do_not_count(curved):
    pair = [curved([8, 4], rate=0.5), curved([4, 4], rate=1.0)]
    others = [curved([1, 1], rate=0.7), curved([1, 1], rate=0.5, kind="b")]
    assert ratios([*pair, *others], kind="a") == {0: 2.0}
    assert ratios([*pair, *others], kind="b") == {}


def test_a_grouped_run_has_no_seconds_and_so_no_ratio_of_them(curved):
    pair = [curved([8, 4], rate=0.5), curved([4, 4], rate=1.0)]
    grouped = [
        replace(r, curves={k: v for k, v in r.curves.items() if k != "seconds"}) for r in pair
    ]
    assert ratios(grouped, cost="seconds") == {}
    assert ratios(grouped, cost="updates") == {0: 2.0}
