"""Which of several values of a setting an arm is compared with: the best on validation images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness.spec import Record
from benchmarks.harness.views import GUESSING, arm, groups, values


@dataclass(frozen=True)
class Choice:
    """The value of a setting that was chosen for one arm.

    Args:
        value: the value; None if the arm was not run, or diverged with every value.
        at_edge: whether it is the smallest or the largest of several: a better one may lie beyond.
    """

    value: Any
    at_edge: bool

    def __str__(self) -> str:
        return f"{self.value}{' (edge of the grid)' if self.at_edge else ''}"


def best(
    records: Sequence[Record],
    setting: str = "learning_rate",
    metric: str = "validation_error",
    diverged: float | Callable[[Record], float] = GUESSING,
    **where: Any,
) -> Choice:
    """The value of a setting with the lowest mean metric over an arm's seeds.

    Of equal values the smaller one is chosen.

    Args:
        records: of any arms.
        setting: the parameter that is tuned.
        metric: what is compared; the lowest mean is best.
        diverged: the metric of a run that diverged, or a function of the record; by default the
            error of guessing. Infinity rules a value out with which any run diverged.
        **where: parameters that name the arm.
    """
    means = {
        value: float(np.mean([*values(found, metric, diverged=diverged).values()]))
        for (value,), found in groups(arm(records, **where), (setting,)).items()
    }
    return lowest(means)


def lowest(means: Mapping[Any, float]) -> Choice:
    """The value with the lowest mean; of equal ones the first. None if no mean is finite.

    Args:
        means: by the values that were tried, in their order.
    """
    if not any(map(math.isfinite, means.values())):
        return Choice(None, at_edge=False)
    chosen = min(means, key=means.__getitem__)
    ends = (next(iter(means)), next(reversed(means)))
    return Choice(chosen, at_edge=len(means) > 1 and chosen in ends)


def at_best(
    records: Sequence[Record],
    metric: str,
    diverged: float | Callable[[Record], float] | None = GUESSING,
    **where: Any,
) -> dict[int, float]:
    """By repetition, a metric of an arm at its best learning rate.

    Args:
        records: of any arms.
        metric: the metric's name.
        diverged: as in `views.values`. Default: what guessing gives.
        **where: the parameters that select the arm.
    """
    rate = best(records, **where).value
    return values(records, metric, diverged, learning_rate=rate, **where)
