"""Means with confidence intervals, of values and of paired differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Interval:
    """A mean with its two-sided confidence interval; `half` is nan for fewer than two values."""

    mean: float
    half: float
    count: int

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    def __str__(self) -> str:
        if self.count == 0:
            return "-"
        spread = "" if math.isnan(self.half) else f" ± {self.half:.2f}"
        return f"{self.mean:z.2f}{spread}"


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The mean with its Student's t interval. All values count; none is trimmed."""
    count = len(values)
    if count == 0:
        return Interval(math.nan, math.nan, 0)
    mean = float(np.mean(values))
    if count == 1:
        return Interval(mean, math.nan, 1)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    return Interval(mean, float(special.stdtrit(count - 1, (1 + confidence) / 2)) * error, count)


def paired_difference(
    a: Mapping[int, float], b: Mapping[int, float], confidence: float = 0.95
) -> Interval:
    """The mean of a - b with its interval, over the repetitions that both have."""
    shared = sorted(a.keys() & b.keys())
    return mean_interval([a[repetition] - b[repetition] for repetition in shared], confidence)
