"""Means with confidence intervals, of values and of paired differences, and corrected tests."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from scipy import special

CONFIDENCE = 0.95

T = TypeVar("T")


@dataclass(frozen=True)
class Interval:
    """A mean with its two-sided confidence interval; `half` is nan for fewer than two values."""

    mean: float
    half: float
    count: int
    confidence: float = CONFIDENCE

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    @property
    def error(self) -> float:
        """The standard error of the mean; nan for fewer than two values."""
        return self.half / _quantile(self.count, self.confidence) if self.count > 1 else math.nan

    def __str__(self) -> str:
        if self.count == 0:
            return "-"
        spread = "" if math.isnan(self.half) else f" ± {self.half:.2f}"
        return f"{self.mean:z.2f}{spread}"


@functools.cache
def _quantile(count: int, confidence: float) -> float:
    return float(special.stdtrit(count - 1, (1 + confidence) / 2))


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean with its Student's t interval. All values count; none is trimmed."""
    count = len(values)
    if count == 0:
        return Interval(math.nan, math.nan, 0, confidence)
    first = float(values[0])
    if all(value == first for value in values):  # exact: a mean would round
        return Interval(first, math.nan if count == 1 else 0.0, count, confidence)
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = _quantile(count, confidence) * math.sqrt(variance / count)
    return Interval(mean, half, count, confidence)


def paired_difference(
    a: Mapping[int, float], b: Mapping[int, float], confidence: float = CONFIDENCE
) -> Interval:
    """The mean of a - b with its interval, over the repetitions that both have."""
    shared = sorted(a.keys() & b.keys())
    return mean_interval([a[repetition] - b[repetition] for repetition in shared], confidence)


def jackknife(statistic: Callable[[Sequence[T]], float], units: Sequence[T]) -> Interval:
    """A statistic of all units with its interval, from the statistics that leave out one unit.

    It is for statistics of averages over seeds, such as the place where a mean curve crosses a
    level: the same statistic of each seed would be biased by that seed's noise.

    Args:
        statistic: of a list of units.
        units: independent units, such as the curves of seeds.

    Reference:
        Tukey (1958); Efron and Tibshirani (1993), chapter 11.
    """
    count = len(units)
    if count < 2:
        return mean_interval([statistic(units)] if units else [])
    whole = statistic(units)
    without = [statistic([*units[:place], *units[place + 1 :]]) for place in range(count)]
    spread = mean_interval([count * whole - (count - 1) * part for part in without])
    return replace(spread, mean=whole)


def p_inside(interval: Interval, low: float, high: float) -> float:
    """The p-value of "the mean lies in [low, high]": two one-sided t tests (TOST).

    It is small if the data show that the mean lies inside. Fewer than two values show nothing.
    """
    return max(_p_above(interval, low), _p_above(_mirrored(interval), -high))


def p_outside(interval: Interval, low: float, high: float) -> float:
    """The p-value of "the mean lies outside [low, high]": a one-sided t test at each end."""
    return min(_p_above(_mirrored(interval), -low, strict=True), _p_above(interval, high, True))


def _mirrored(interval: Interval) -> Interval:
    return replace(interval, mean=-interval.mean)


def _p_above(interval: Interval, bound: float, strict: bool = False) -> float:
    """The p-value of "the mean lies above the bound", or at it unless `strict`."""
    if interval.count < 2:
        return 1.0
    if math.isinf(bound):
        return 0.0 if bound < 0 else 1.0
    distance, error = interval.mean - bound, interval.error
    if error == 0:  # all values are equal
        return 0.0 if distance > 0 or (distance == 0 and not strict) else 1.0
    if not math.isfinite(distance / error):
        return 1.0
    return float(special.stdtr(interval.count - 1, -distance / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: at a level, the chance of any false rejection is that level.

    Reference:
        Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
