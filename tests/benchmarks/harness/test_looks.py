"""Verdicts from the committed seeds, and from further ones."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.harness import looks
from benchmarks.harness.claims import LEVEL, Claim, all_of, within
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import values


def _judge(records):
    return all_of([within("it", mean_interval([*values(records, "gain").values()]), "", low=0)])


CLAIM = Claim("gain", "there is a gain", _judge)


@pytest.fixture
def judged(make_record):
    """The verdict on gains by seed."""

    def judge(gains, committed):
        records = [
            replace(make_record(repetition=number), metrics={"gain": gain})
            for number, gain in enumerate(gains)
        ]
        return looks.judge(CLAIM, records, committed)

    return judge


UNCLEAR, CLEAR = [-1.0, 0.5, 1.5], [1.0, 1.01, 1.02]


def test_the_levels_of_all_looks_add_up():
    assert looks.level(1) == pytest.approx(0.02)
    assert sum(looks.level(look) for look in range(1, 50)) == pytest.approx(LEVEL)


def test_committed_seeds_that_decide_give_the_verdict(judged):
    assert judged(CLEAR, 3).label == "reproduced"


def test_seeds_beyond_a_verdict_are_not_judged(judged):
    verdict = judged([*CLEAR, -9.0], 3)
    assert verdict.label == "reproduced (1 further seeds not judged)"
    assert verdict.findings[0].interval.count == 3


def test_a_second_look_needs_twice_the_seeds_and_says_so(judged):
    five, six = [*UNCLEAR, 1.0, 1.1], [*[-0.1, 0.9, 1.0], *CLEAR]
    assert judged(five, 3).label == "inconclusive (2 further seeds not judged)"
    verdict = judged(six, 3)
    assert verdict.label == "reproduced (second look: 3 seeds committed)"
    assert verdict.findings[0].interval.count == 6


def test_a_second_look_has_a_stricter_level(judged):
    """Six seeds that would decide at the first look's level do not at the second's."""
    gains = [0.0, 1.0, 0.1, 0.9, 0.4, 0.8]
    assert judged(gains, 6).verdict == "reproduced"
    assert judged(gains, 3).verdict == "inconclusive"


def test_fewer_seeds_than_committed_decide_nothing(judged):
    assert judged(CLEAR, 5).label == "inconclusive: 3 of 5 seeds"
    assert judged([], 5).label == "not run"


def test_without_an_effect_all_looks_together_err_at_most_as_often_as_they_may():
    """The chance that any of three looks at 3, 6 and 12 seeds finds an effect that is not there."""
    rng = np.random.default_rng(0)
    gains = rng.normal(size=(40_000, 12))
    wrong = np.zeros(len(gains), bool)
    for look, size in ((1, 3), (2, 6), (3, 12)):
        seen = gains[:, :size]
        p = stats.ttest_1samp(seen, 0, axis=1, alternative="greater").pvalue
        wrong |= p <= looks.level(look)
    assert 0.018 < wrong.mean() < LEVEL
