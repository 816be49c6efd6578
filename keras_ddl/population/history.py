"""Losses and metrics of every member, epoch by epoch."""

import warnings
from typing import Any

import keras
import numpy as np


class MemberDiverged(UserWarning):
    """The loss of a member of a population has become infinite or NaN."""


class MemberHistory(keras.callbacks.History):
    """A `History` whose entries are arrays of K values; other logs are kept unchanged."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {**(logs or {}), **self.model.member_logs})


class Divergence:
    """Warns once about each member whose loss has become infinite or NaN."""

    def __init__(self):
        self._known: set[int] = set()

    def check(self, epoch: int, losses: Any) -> None:
        """Warn about the members whose loss is not finite for the first time.

        Args:
            epoch: its number, from 0.
            losses: array of the members' losses.
        """
        diverged = set(np.flatnonzero(~np.isfinite(losses)).tolist())
        if diverged - self._known:
            warnings.warn(
                f"The loss of member(s) {sorted(diverged - self._known)} is not finite after epoch "
                f"{epoch + 1}; the others continue. Progress shows the mean of the others.",
                MemberDiverged,
                stacklevel=2,
            )
        self._known |= diverged


def by_name(logs: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """Arrays of K values by name, from the logs of each member.

    Logs are matched by position, because names that derive from automatic layer names differ. The
    names are those of the first member.
    """
    names = [*logs[0]]
    values = np.array([list(one.values()) for one in logs], "float32")
    return {name: values[:, place] for place, name in enumerate(names)}


def means(members: dict[str, np.ndarray]) -> dict[str, float]:
    """The means over the members that are finite; NaN where none is."""
    found = {}
    for name, values in members.items():
        finite = values[np.isfinite(values)]
        found[name] = float(finite.mean()) if len(finite) else float("nan")
    return found
