"""Restoring each member of a population to its best epoch."""

import keras
import numpy as np
from keras import ops

from keras_ddl import Population
from keras_ddl.callbacks._modes import resolve


class BestMembers(keras.callbacks.Callback):
    """Stores the best weights of each member of a `keras_ddl.Population`, and restores them.

    The members of a population reach their best epochs at different times, and core's
    `EarlyStopping` and `ModelCheckpoint` only know the mean over the members. All members are
    trained to the end. Then every member gets its best weights back:

    ```python
    best = BestMembers("val_loss")
    population.fit(x, y, validation_data=(x_val, y_val), epochs=30, callbacks=[best])
    best.epochs  # array of shape (K,): the best epoch of each member, counted from 0
    population.member(3)  # has its weights of epoch best.epochs[3]
    ```

    Args:
        monitor: the loss or metric of the members to compare. Default `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"` (default). `"auto"` decides by the name: `"max"` for
            accuracies, AUC, precision, recall and similar metrics, `"min"` otherwise.
        restore: whether to restore the best weights of each member at the end of training. Default
            True.

    Attributes:
        values: array of shape (K,), the best value of each member. NaN if a member never had a
            finite value.
        epochs: array of shape (K,), the epoch of the best value, counted from 0. -1 if there is
            none.

    Raises:
        ValueError: if the model is not a `Population`, or has no such loss or metric.
    """

    def __init__(self, monitor="val_loss", mode="auto", restore=True) -> None:
        super().__init__()
        self.monitor = monitor
        self.mode = resolve(mode, monitor)
        self.restore = restore

    def on_train_begin(self, logs=None) -> None:
        if not isinstance(self.model, Population):
            raise ValueError(
                "BestMembers: the model must be a keras_ddl.Population; for one model use core's "
                f"ModelCheckpoint(save_best_only=True). Received: a {type(self.model).__name__}"
            )
        self.values = np.full(self.model.count, np.nan)
        self.epochs = np.full(self.model.count, -1)
        self._kept = [self._copied(place) for place in range(self.model.count)]

    def on_epoch_end(self, epoch, logs=None) -> None:
        results = self.model.member_logs
        if self.monitor not in results:
            raise ValueError(
                "BestMembers: `monitor` must be one of the members' results, "
                f"{sorted(results)}; results on validation data need `validation_data`. "
                f"Received: monitor={self.monitor!r}"
            )
        values = np.asarray(results[self.monitor], float)
        better = values > self.values if self.mode == "max" else values < self.values
        better |= np.isnan(self.values) & np.isfinite(values)
        if not better.any():
            return
        self.values[better], self.epochs[better] = values[better], epoch
        for place in np.flatnonzero(better):
            self._kept[place] = self._copied(int(place))

    def get_state(self) -> dict[str, np.ndarray]:
        """The best values, epochs and weights so far, for a `PopulationCheckpoint`."""
        weights = {
            f"{place}/{index}": ops.convert_to_numpy(value)
            for place, kept in enumerate(self._kept)
            for index, value in enumerate(kept)
        }
        return {"values": self.values, "epochs": self.epochs, **weights}

    def set_state(self, state) -> None:
        """Restore what `get_state` returned."""
        self.values, self.epochs = state["values"], state["epochs"]
        self._kept = [
            [state[f"{place}/{index}"] for index in range(len(kept))]
            for place, kept in enumerate(self._kept)
        ]

    def _copied(self, place):
        return [ops.copy(variable.value) for variable in self.model.member(place).variables]

    def on_train_end(self, logs=None) -> None:
        if self.restore:
            for place, kept in enumerate(self._kept):
                for variable, value in zip(self.model.member(place).variables, kept, strict=True):
                    variable.assign(value)
        self._kept = []
