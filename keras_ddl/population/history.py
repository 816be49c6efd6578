"""Losses and metrics of every member, epoch by epoch."""

import warnings
from typing import Any

import keras
import numpy as np


class MemberDiverged(UserWarning):
    """The loss of a population's member is not finite any more."""


class MemberHistory(keras.callbacks.History):
    """A `History` with an array of K values an epoch where there is one, else what is logged."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {**(logs or {}), **self.model.member_logs})


class Divergence:
    """Warns once of each member whose loss is not finite any more."""

    def __init__(self):
        self._known: set[int] = set()

    def check(self, epoch: int, losses: Any) -> None:
        """Warn of the members whose loss is not finite for the first time.

        Args:
            epoch: its number, from 0.
            losses: of the members.
        """
        diverged = set(np.flatnonzero(~np.isfinite(losses)).tolist())
        if diverged - self._known:
            warnings.warn(
                f"The loss of member(s) {sorted(diverged - self._known)} is not finite after epoch "
                f"{epoch + 1}; the others train on. Progress shows the mean of the others.",
                MemberDiverged,
                stacklevel=2,
            )
        self._known |= diverged


def by_name(logs: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """The members' logs as an array of K values for each name of the first member's.

    Names are matched by position: those of layers without a name of their own differ.
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
