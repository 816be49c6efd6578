"""Stopping training after a given time."""

import time

import keras

from keras_ddl._checks import one_of, positive

FREQUENCIES = ("epoch", "batch")


class TimeStopping(keras.callbacks.Callback):
    """Stops training after a number of seconds.

    ```python
    model.fit(x, y, epochs=1000, callbacks=[TimeStopping(3600)])
    ```

    Time counts from the start of `fit`, with validation and compiling. Training ends after the
    epoch, or the batch, in which the time is over, so it takes longer than `seconds` by at most
    one epoch, or one batch.

    Args:
        seconds: float > 0, the time that training may take, in seconds.
        update_freq: "epoch" (default) or "batch": after which the time is checked. With "batch",
            the last epoch is shortened but validated as usual, and a `Population` trains batch by
            batch, which is slower.

    Attributes:
        stopped_epoch: the last epoch, counted from 0, or None if training was not stopped.

    Raises:
        ValueError: if `seconds` is not positive, or `update_freq` is neither of the two.
    """

    def __init__(self, seconds: float, update_freq: str = "epoch") -> None:
        super().__init__()
        self.seconds = positive("seconds", seconds)
        self.update_freq = one_of("update_freq", update_freq, FREQUENCIES)
        self.stopped_epoch: int | None = None

    def on_train_begin(self, logs=None) -> None:
        self._start = time.monotonic()
        self.stopped_epoch = None

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None) -> None:
        if self.update_freq == "batch":
            self._check()

    def on_epoch_end(self, epoch, logs=None) -> None:
        self._check()

    def _check(self):
        if time.monotonic() - self._start >= self.seconds and self.stopped_epoch is None:
            self.stopped_epoch = self._epoch
            self.model.stop_training = True
