"""Verdicts follow from intervals."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.claims import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_RUN,
    REPRODUCED,
    Finding,
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


@given(small, st.integers(0, 4), bounds)
def test_the_verdict_follows_from_where_the_interval_lies(mean, half, bounds):
    low, high = bounds
    interval = Interval(mean, float(half), 3)
    probes = [mean - half + step * half / 8 for step in range(17)]
    inside = [low <= probe <= high for probe in probes]
    if all(inside):
        expected = REPRODUCED
    elif any(inside) or (probes[0] < low and probes[-1] > high):
        expected = INCONCLUSIVE
    else:
        expected = NOT_REPRODUCED
    assert judged(interval, low=low, high=high) == expected


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (Interval(1.0, 1.0, 3), REPRODUCED),  # [0, 2] touches the bound from inside
        (Interval(-1.0, 1.0, 3), INCONCLUSIVE),  # [-2, 0] touches it from outside
        (Interval(-1.0, 0.9, 3), NOT_REPRODUCED),
        (Interval(0.1, 0.2, 3), INCONCLUSIVE),
    ],
)
def test_a_bound_belongs_to_the_claim(interval, verdict):
    assert judged(interval, low=0) == verdict


@pytest.mark.parametrize("mean", [-1.0, 0.0, 1.0])
def test_one_seed_is_inconclusive_wherever_it_lies(mean):
    assert judged(mean_interval([mean]), low=0) == INCONCLUSIVE
    assert judged(mean_interval([mean])) == INCONCLUSIVE


def test_no_seed_is_not_run():
    assert judged(mean_interval([]), low=0) == NOT_RUN


def finding(verdict):
    return Finding("it", "pp", Interval(1.0, 0.5, 3), verdict)


# From the highest precedence to the lowest.
ORDER = (NOT_REPRODUCED, NOT_RUN, INCONCLUSIVE, REPRODUCED)


@given(st.lists(st.sampled_from(ORDER), min_size=1, max_size=5))
def test_the_finding_with_the_highest_precedence_decides(verdicts):
    findings = [finding(verdict) for verdict in verdicts]
    whole = all_of(findings)
    assert whole.verdict == min(verdicts, key=ORDER.index)
    assert whole.findings == tuple(findings)


def test_a_claim_of_no_parts_is_not_run():
    assert all_of([]) == Verdict(NOT_RUN, ())


def test_a_finding_shows_its_figures_seeds_and_verdict():
    found = within("rise", mean_interval([1.0, 2.0, 3.0]), "pp", low=-1)
    assert str(found) == "rise: 2.00 ± 2.48 pp (3 seeds; reproduced)"


def test_a_finding_of_one_seed_shows_no_interval():
    assert str(within("rise", mean_interval([1.0]), "pp")) == "rise: 1.00 pp (1 seed; inconclusive)"


def test_a_finding_that_was_not_run_shows_no_figures():
    assert str(within("rise", mean_interval([]), "pp")) == "rise: not run"


def test_json_has_null_where_there_is_no_figure():
    verdict = all_of(
        [within("a", mean_interval([]), "pp"), within("b", mean_interval([1.0]), "times", low=0)]
    )
    assert json.loads(json.dumps(verdict.as_json(), allow_nan=False)) == {
        "verdict": "not run",
        "findings": [
            {
                "what": "a",
                "unit": "pp",
                "mean": None,
                "low": None,
                "high": None,
                "seeds": 0,
                "verdict": "not run",
            },
            {
                "what": "b",
                "unit": "times",
                "mean": 1.0,
                "low": None,
                "high": None,
                "seeds": 1,
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
