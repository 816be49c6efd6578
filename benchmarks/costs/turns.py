"""Arms take turns: a slow minute of the machine then falls on all of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

Arms = Mapping[str, Callable[[], Any]]


def seconds(arm: Callable[[], Any]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    arm()
    return time.perf_counter() - started


def take_turns(arms: Arms, rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each arm's calls.

    Args:
        arms: by name, what is timed.
        rounds: in each of them every arm is called once, in the order of `arms`.
        warm_up: rounds before these that are not counted. Default 1.

    Returns:
        By name, one number for each round.
    """
    measured = [{name: seconds(arm) for name, arm in arms.items()} for _ in range(warm_up + rounds)]
    return {name: [times[name] for times in measured[warm_up:]] for name in arms}
