"""Means and intervals, compared with SciPy's."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.stats import (
    Interval,
    holm,
    jackknife,
    mean_interval,
    p_inside,
    p_outside,
    paired_difference,
)

numbers = st.integers(-(10**6), 10**6).map(lambda n: n / 1000)
samples = st.lists(numbers, min_size=2, max_size=12)
by_repetition = st.dictionaries(st.integers(0, 20), numbers, max_size=12)


def test_three_seeds_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])
    assert (interval.mean, interval.count) == (2.0, 3)
    assert interval.half == pytest.approx(4.302652729911275 / math.sqrt(3))  # t table, 2 d.o.f.
    assert (interval.low, interval.high) == pytest.approx((-0.48413771, 4.48413771))


@given(samples, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_students(values, confidence):
    interval = mean_interval(values, confidence)
    mean, error = np.mean(values), scipy.stats.sem(values)
    low, high = (
        scipy.stats.t.interval(confidence, len(values) - 1, mean, error)
        if error
        else (mean, mean)  # SciPy gives nan where all values are equal
    )
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


@given(samples, numbers, numbers)
def test_scaled_and_shifted_values_scale_and_shift_the_interval(values, scale, shift):
    before = mean_interval(values)
    after = mean_interval([scale * value + shift for value in values])
    size = abs(scale) * max(map(abs, values)) + abs(shift) + 1
    assert after.mean == pytest.approx(scale * before.mean + shift, abs=1e-9 * size)
    assert after.half == pytest.approx(abs(scale) * before.half, abs=1e-7 * size)


@given(samples, st.randoms())
def test_the_order_of_the_seeds_does_not_matter(values, random):
    turned = random.sample(values, len(values))
    one, other = mean_interval(values), mean_interval(turned)
    assert (one.mean, one.half) == pytest.approx((other.mean, other.half), rel=1e-9, abs=1e-9)


def test_one_seed_gives_no_interval():
    interval = mean_interval([1.5])
    assert (interval.mean, interval.count) == (1.5, 1)
    assert math.isnan(interval.half)
    assert str(interval) == "1.50"


def test_no_seed_gives_nothing():
    interval = mean_interval([])
    assert interval.count == 0
    assert math.isnan(interval.mean)
    assert str(interval) == "-"


def test_an_interval_prints_two_decimals():
    assert str(Interval(1.234, 0.056, 3)) == "1.23 ± 0.06"


@given(by_repetition, by_repetition)
def test_a_paired_difference_is_over_the_repetitions_that_both_have(a, b):
    shared = sorted(set(a).intersection(b))
    difference = paired_difference(a, b)
    assert difference.count == len(shared)
    if shared:
        expected = sum(a[key] for key in shared) / len(shared) - sum(
            b[key] for key in shared
        ) / len(shared)
        assert difference.mean == pytest.approx(expected, abs=1e-6)


@given(by_repetition, by_repetition)
def test_a_reversed_difference_changes_sign(a, b):
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one.mean == pytest.approx(-other.mean, nan_ok=True)
    assert one.half == pytest.approx(other.half, nan_ok=True)


def test_pairing_takes_out_what_both_arms_share():
    # The seeds differ much and the arms by a constant, so unpaired intervals would overlap.
    a = {0: 1.25, 1: 50.25, 2: 99.25}
    b = {0: 1.0, 1: 50.0, 2: 99.0}
    assert paired_difference(a, b) == Interval(0.25, 0.0, 3)


def test_a_paired_difference_takes_the_confidence():
    a, b = {0: 1.0, 1: 2.0, 2: 4.0}, {0: 0.0, 1: 0.0, 2: 0.0}
    expected = scipy.stats.t.interval(0.8, 2, np.mean([1, 2, 4]), scipy.stats.sem([1, 2, 4]))
    interval = paired_difference(a, b, confidence=0.8)
    assert (interval.low, interval.high) == pytest.approx(expected)


@given(samples, numbers)
def test_p_values_are_those_of_t_tests(values, bound):
    interval = mean_interval(values)
    if interval.half == 0:
        return
    above = scipy.stats.ttest_1samp(values, bound, alternative="greater").pvalue
    assert p_inside(interval, bound, math.inf) == pytest.approx(above, abs=1e-9)
    assert p_outside(interval, -math.inf, bound) == pytest.approx(above, abs=1e-9)
    below = scipy.stats.ttest_1samp(values, bound + 1, alternative="less").pvalue
    assert p_inside(interval, bound, bound + 1) == pytest.approx(max(above, below), abs=1e-9)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_fewer_than_two_values_show_nothing(values):
    interval = mean_interval(values)
    assert p_inside(interval, -math.inf, math.inf) == p_outside(interval, 5, 6) == 1.0


def test_equal_values_are_their_mean():
    """0.1 added three times and divided by 3 is not 0.1."""
    interval = mean_interval([0.1] * 3)
    assert (interval.mean, interval.half) == (0.1, 0.0)
    assert p_inside(interval, 0.1, 0.1) == 0.0
    assert p_outside(interval, 0.1, 0.1) == 1.0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(samples)
def test_the_jackknife_of_a_mean_is_its_interval(values):
    expected, found = (
        mean_interval(values),
        jackknife(lambda part: math.fsum(part) / len(part), values),
    )
    size = 1 + max(map(abs, values))
    assert found.mean == pytest.approx(expected.mean, abs=1e-9 * size)
    assert found.half == pytest.approx(expected.half, abs=1e-6 * size)
