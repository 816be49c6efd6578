"""Losses and metrics of every member, epoch by epoch."""

import warnings

import keras
import numpy as np


class MemberDiverged(UserWarning):
    """The loss of a population's member is not finite any more."""


class MemberLogs(keras.callbacks.Callback):
    """Collects each member's results of an epoch in `population.member_logs`.

    It goes before the user's callbacks, for an `evaluate` of theirs resets the metrics. Members
    whose loss is not finite any more are told once.
    """

    def on_train_begin(self, logs=None):
        self._told = set()

    def on_epoch_begin(self, epoch, logs=None):
        self.model.member_logs = {}

    def on_test_begin(self, logs=None):
        self._collect("")

    def on_test_end(self, logs=None):
        self._collect("val_")

    def on_epoch_end(self, epoch, logs=None):
        self._collect("")
        diverged = set(np.flatnonzero(~np.isfinite(self.model.member_logs["loss"])).tolist())
        if diverged - self._told:
            warnings.warn(
                f"The loss of member(s) {sorted(diverged - self._told)} is not finite after epoch "
                f"{epoch + 1}; the others train on. Progress shows the mean of the others.",
                MemberDiverged,
                stacklevel=2,
            )
        self._told |= diverged

    def _collect(self, prefix):
        if f"{prefix}loss" not in self.model.member_logs:
            results = self.model.member_results()
            self.model.member_logs |= {prefix + name: value for name, value in results.items()}


class MemberHistory(keras.callbacks.History):
    """A `History` with an array of K values an epoch where there is one, else what is logged."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {**(logs or {}), **self.model.member_logs})
