"""Verdicts follow from intervals."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.claims import (
    FIRST_LOOK,
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_RUN,
    REPRODUCED,
    Verdict,
    all_of,
    provided,
    within,
)
from benchmarks.harness.stats import Interval, mean_interval

# Integers: bounds are met exactly often.
small = st.integers(-5, 5).map(float)
bounds = st.tuples(small | st.just(-math.inf), small | st.just(math.inf)).map(sorted)


def judged(interval, **bounds):
    return within("it", interval, "pp", **bounds).verdict


def at_level(mean, half, count=3):
    """An interval whose ends decide at the level of one finding: one-sided 2 %, not 2.5 %."""
    return Interval(mean, half, count, confidence=1 - 2 * FIRST_LOOK)


@given(small, st.integers(1, 4).map(lambda n: n + 0.3), bounds)
def test_the_verdict_of_one_finding_follows_from_where_its_interval_lies(mean, half, bounds):
    low, high = bounds
    interval = at_level(mean, half)
    if low <= interval.low and interval.high <= high:
        expected = REPRODUCED
    elif interval.high < low or interval.low > high:
        expected = NOT_REPRODUCED
    else:
        expected = INCONCLUSIVE
    assert judged(interval, low=low, high=high) == expected


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (at_level(1.0, 0.99), REPRODUCED),
        (at_level(-1.0, 1.01), INCONCLUSIVE),
        (at_level(-1.0, 0.99), NOT_REPRODUCED),
        (at_level(0.1, 0.2), INCONCLUSIVE),
        (mean_interval([0.0, 0.0]), REPRODUCED),  # equal values at the bound belong to the claim
        (mean_interval([-1e-9, -1e-9]), NOT_REPRODUCED),
    ],
)
def test_a_bound_belongs_to_the_claim(interval, verdict):
    assert judged(interval, low=0) == verdict


def test_no_difference_is_shown_by_both_ends_of_a_margin():
    wide, narrow = at_level(0.0, 1.5), at_level(0.0, 0.9)
    assert judged(wide, low=-1, high=1) == INCONCLUSIVE  # a missing difference shows nothing
    assert judged(narrow, low=-1, high=1) == REPRODUCED


def test_findings_of_one_claim_are_corrected_together():
    """A finding that decides alone does not beside nine others, for and against the claim."""
    for sign, verdict in ((1, REPRODUCED), (-1, NOT_REPRODUCED)):
        strong = within("it", at_level(sign * 1.0, 0.9), "pp", low=0)
        weak = [within("it", at_level(sign * 1.0, 3.0), "pp", low=0)] * 9
        assert strong.verdict == verdict
        whole = all_of([strong, *weak])
        assert {one.verdict for one in whole.findings} == {INCONCLUSIVE}
        assert whole.verdict == INCONCLUSIVE


def test_a_claim_holds_if_the_weakest_finding_alone_decides():
    """Holm compares the largest p-value with the whole level."""
    strong = within("it", at_level(1.0, 0.01, 10), "pp", low=0)
    weakest = within("it", at_level(1.0, 0.99), "pp", low=0)
    assert all_of([*[strong] * 5, weakest]).verdict == REPRODUCED


@pytest.mark.parametrize("mean", [-1.0, 0.0, 1.0])
def test_one_seed_is_inconclusive_wherever_it_lies(mean):
    assert judged(mean_interval([mean]), low=0) == INCONCLUSIVE
    assert judged(mean_interval([mean])) == INCONCLUSIVE


def test_no_seed_is_not_run():
    assert judged(mean_interval([]), low=0) == NOT_RUN


INTERVALS = {
    NOT_REPRODUCED: mean_interval([-1.0, -1.0]),
    NOT_RUN: mean_interval([]),
    INCONCLUSIVE: mean_interval([-1.0, 1.0]),
    REPRODUCED: mean_interval([1.0, 1.0]),
}
# From the highest precedence to the lowest.
ORDER = (NOT_REPRODUCED, NOT_RUN, INCONCLUSIVE, REPRODUCED)


@given(st.lists(st.sampled_from(ORDER), min_size=1, max_size=5))
def test_the_finding_with_the_highest_precedence_decides(verdicts):
    findings = [within("it", INTERVALS[verdict], "pp", low=0) for verdict in verdicts]
    whole = all_of(findings)
    assert [one.verdict for one in whole.findings] == verdicts
    assert whole.verdict == min(verdicts, key=ORDER.index)


def test_a_claim_of_no_parts_is_not_run():
    assert all_of([]) == Verdict(NOT_RUN, ())


def test_a_finding_shows_its_figures_seeds_and_verdict():
    found = within("rise", mean_interval([1.0, 2.0, 3.0]), "pp", low=-1.5)
    assert str(found) == "rise: 2.00 ± 2.48 pp (claimed: at least -1.5 (ours); 3 seeds; reproduced)"


@pytest.mark.parametrize(
    ("bounds", "claimed"),
    [
        ({}, ""),
        ({"low": 0}, "at least 0"),  # "more" needs no source
        ({"high": 2.0}, "at most 2 (ours)"),
        ({"low": -0.2, "high": 0.2}, "-0.2 to 0.2 (ours)"),
        ({"low": 2, "high": 3, "stated": True}, "2 to 3"),
        ({"low": 2, "high": 2, "stated": True}, "exactly 2"),
    ],
)
def test_a_bound_that_the_source_does_not_state_is_named_as_ours(bounds, claimed):
    assert within("rise", mean_interval([1.0, 2.0]), "pp", **bounds).claimed == claimed


def test_a_finding_of_one_seed_shows_no_interval():
    assert str(within("rise", mean_interval([1.0]), "pp")) == "rise: 1.00 pp (1 seed; inconclusive)"


def test_a_finding_that_was_not_run_shows_no_figures():
    assert str(within("rise", mean_interval([]), "pp")) == "rise: not run"


def test_json_has_null_where_there_is_no_figure():
    verdict = all_of(
        [within("a", mean_interval([]), "pp"), within("b", mean_interval([1.0]), "times", low=0)]
    )
    ends = {"claimed_low": None, "claimed_high": None, "condition": ""}
    assert json.loads(json.dumps(verdict.as_json(), allow_nan=False)) == {
        "verdict": "not run",
        "why": "",
        "notes": [],
        "findings": [
            {
                "what": "a",
                "unit": "pp",
                "mean": None,
                "low": None,
                "high": None,
                "seeds": 0,
                **ends,
                "verdict": "not run",
            },
            {
                "what": "b",
                "unit": "times",
                "mean": 1.0,
                "low": None,
                "high": None,
                "seeds": 1,
                **ends,
                "claimed_low": 0,
                "verdict": "inconclusive",
            },
        ],
    }


def test_json_has_the_bounds_of_an_interval():
    verdict = all_of([within("a", Interval(2.0, 0.5, 3), "pp", low=0)])
    (found,) = verdict.as_json()["findings"]
    assert (found["mean"], found["low"], found["high"], found["seeds"]) == (2.0, 1.5, 2.5, 3)


@pytest.mark.parametrize(
    ("trained", "found", "expected"),
    [
        (0.5, 1.0, REPRODUCED),
        (0.5, -1.0, NOT_REPRODUCED),
        (5.0, 1.0, INCONCLUSIVE),
        (5.0, -1.0, INCONCLUSIVE),
        (None, 1.0, NOT_RUN),
    ],
)
def test_a_condition_that_does_not_hold_leaves_a_claim_open(trained, found, expected):
    errors = mean_interval([] if trained is None else [trained, trained])
    condition = within("training error", errors, "%", high=1)
    effect = within("gain", mean_interval([found, found]), "pp", low=0)
    verdict = provided([condition], [effect])
    assert verdict.verdict == expected
    assert NOT_REPRODUCED not in {one.verdict for one in verdict.findings[:1]}
    assert verdict.label == (f"{expected}: undertrained" if trained == 5.0 else expected)
