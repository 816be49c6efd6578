"""The time limit of a command."""

import math
import time


class OutOfTimeError(Exception):
    """The time limit came before the work was complete. What is finished is on the disk."""


class Deadline:
    """The moment at which a command must have ended.

    Args:
        seconds: the time limit, from now on. None (default): there is none.
    """

    def __init__(self, seconds: float | None = None):
        self.limit = math.inf if seconds is None else seconds
        self._started = time.monotonic()

    @property
    def left(self) -> float:
        """The seconds that are left; negative afterwards, infinite without a limit."""
        return self.limit - (time.monotonic() - self._started)
