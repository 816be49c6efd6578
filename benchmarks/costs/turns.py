"""Times several arms in turns, so that a slow minute of the machine affects all of them."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Arms = Mapping[str, Callable[[], Any]]


def seconds(arm: Callable[[], Any]) -> float:
    """The duration of a call in seconds."""
    started = time.perf_counter()
    arm()
    return time.perf_counter() - started


def take_turns(
    arms: Arms,
    rounds: int,
    warm_up: int = 1,
    *,
    every: Mapping[str, int] | None = None,
    enough: float = math.inf,
    fewest: int = 1,
) -> dict[str, list[float]]:
    """Time each arm once in every round.

    Args:
        arms: the functions to time, by name. They are called in this order.
        rounds: the number of counted rounds.
        warm_up: the number of rounds before these, which are not counted. Default 1.
        every: for arms that take long: an arm with the number n is called only in the first of n
            rounds, and is not warmed up. Default: all arms are called in all rounds.
        enough: seconds after which no further round begins. Default: no limit.
        fewest: the smallest number of counted rounds, even if they take longer than `enough`.

    Returns:
        By name, the seconds of each counted round.
    """
    every = every or {}
    for _ in range(warm_up):
        for name, arm in arms.items():
            if name not in every:
                arm()
    spent: dict[str, list[float]] = {name: [] for name in arms}
    began = time.perf_counter()
    for done in range(rounds):
        if done >= fewest and time.perf_counter() - began > enough:
            break
        for name, arm in arms.items():
            if done % every.get(name, 1) == 0:
                spent[name].append(seconds(arm))
    return spent


def ratio(times: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """The median over rounds of the time of `one` divided by the time of `other`."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))
