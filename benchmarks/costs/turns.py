"""Times several arms in turns, so that a slow minute of the machine affects all of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

Arms = Mapping[str, Callable[[], Any]]


def seconds(arm: Callable[[], Any]) -> float:
    """The duration of a call in seconds."""
    started = time.perf_counter()
    arm()
    return time.perf_counter() - started


def take_turns(arms: Arms, rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Time each arm once in every round.

    Args:
        arms: the functions to time, by name. They are called in this order.
        rounds: the number of counted rounds.
        warm_up: the number of rounds before these, which are not counted. Default 1.

    Returns:
        By name, the seconds of each counted round.
    """
    measured = [{name: seconds(arm) for name, arm in arms.items()} for _ in range(warm_up + rounds)]
    return {name: [times[name] for times in measured[warm_up:]] for name in arms}
