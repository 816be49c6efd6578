"""Checkpoints of trials that are in training, in the results folder."""

import contextlib
import hashlib
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.deadline import Deadline, OutOfTimeError
from benchmarks.harness.spec import Trial

INTERVAL = 60.0  # seconds of training between two checkpoints


class Checkpoints:
    """The checkpoints of one experiment.

    A group of trials that trains for more than `INTERVAL` leaves a checkpoint after a point of its
    learning curves. A later run that trains the same group continues from it.

    Args:
        folder: the folder of the files. It exists only while there are files.
        deadline: when training must stop.
        notify: called with one line for humans.
    """

    def __init__(
        self,
        folder: Path,
        deadline: Deadline | None = None,
        notify: Callable[[str], object] = lambda line: None,
    ):
        self.folder = folder
        self.deadline = deadline or Deadline()
        self._notify = notify

    def callback(self, trials: Sequence[Trial], others: Sequence[Any]) -> Any:
        """A `PopulationCheckpoint` for a group, or None if a callback cannot be restored.

        Args:
            trials: the group.
            others: the other callbacks. The checkpoint must be the last callback.
        """
        if trials[0].params.get("devices", 1) > 1:
            return None  # its variables are spread over devices
        if not all(hasattr(other, "get_state") for other in others):
            return None
        callback = _callback(self.path(trials), self.deadline, others, self._notify)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            begun = callback.epoch
        for warning in caught:
            self._notify(f"note: {warning.message}")
        if caught and not begun:
            self._notify("note: the trial begins again")
        return callback

    def path(self, trials: Sequence[Trial]) -> Path:
        """The group's newest file. Its name begins with the key of the group's first trial."""
        keys = " ".join(trial.key for trial in trials)
        digest = hashlib.sha256(keys.encode()).hexdigest()[:12]
        return self.folder / f"{trials[0].key}-{digest}.npz"

    def exists(self, trials: Sequence[Trial]) -> bool:
        """Whether the group has been begun and not finished."""
        return self.path(trials).exists()

    def remove(self, trials: Iterable[Trial]) -> None:
        """Remove the checkpoints of all groups whose first trial is one of these."""
        for trial in trials:
            for path in self.folder.glob(f"{trial.key}-*"):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other files are there, or no folder
            self.folder.rmdir()


def _callback(
    path: Path, deadline: Deadline, others: Sequence[Any], notify: Callable[[str], object]
) -> Any:
    from keras_ddl.population import PopulationCheckpoint

    class Checkpoint(PopulationCheckpoint):
        """Saves at intervals, and when the next point would end after the deadline."""

        def on_epoch_begin(self, epoch, logs=None):
            self._begun = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 == self.params["epochs"] or self.model.stop_training:
                return
            stops = deadline.left < time.monotonic() - self._begun
            if stops or self.is_due():
                self.save(epoch + 1)
            if stops:
                raise OutOfTimeError

        def save(self, epoch):
            started = time.monotonic()
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                super().save(epoch)
            except OSError as error:  # training is worth more than its checkpoint
                notify(f"note: no checkpoint was written to {path.parent}: {error.strerror}")
            # A large checkpoint is written less often: it takes at most 5 % of the time.
            self.seconds = max(INTERVAL, 20 * (time.monotonic() - started))

    return Checkpoint(path, seconds=INTERVAL, keep=2, others=others)
