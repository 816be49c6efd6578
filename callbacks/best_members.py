"""Each member of a population at its best epoch."""

import keras
import numpy as np
from keras import ops

from keras_ddl import Population
from keras_ddl.callbacks._modes import resolve


class BestMembers(keras.callbacks.Callback):
    """Keeps the weights that each member of a `keras_ddl.Population` had in its best epoch.

    The members of a population do not peak together; core's `EarlyStopping` and `ModelCheckpoint`
    see only their mean. Training goes on for all, and at its end every member gets its own best
    weights back:

    ```python
    best = BestMembers("val_loss")
    population.fit(x, y, validation_data=(x_val, y_val), epochs=30, callbacks=[best])
    best.epochs  # array of K: the best epoch of each, from 0
    population.member(3)  # with its weights of that epoch
    ```

    Args:
        monitor: what is compared, a loss or metric of the members. Default `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"` (default): by the name, max for accuracies, AUC,
            precision, recall and the like.
        restore: whether members get their best weights back at the end of training. Default True.

    Attributes:
        values: array of K, the best value of each member; NaN for one that never had a finite one.
        epochs: array of K, the epoch of that value, from 0; -1 where there is none.

    Raises:
        ValueError: if the model is no `Population`, or has no such loss or metric.
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
        found = self.model.member_logs
        if self.monitor not in found:
            raise ValueError(
                "BestMembers: `monitor` must be one of the members' results, "
                f"{sorted(found)}; those over validation data need `validation_data`. "
                f"Received: monitor={self.monitor!r}"
            )
        values = np.asarray(found[self.monitor], float)
        better = values > self.values if self.mode == "max" else values < self.values
        better |= np.isnan(self.values) & np.isfinite(values)
        if not better.any():
            return
        self.values[better], self.epochs[better] = values[better], epoch
        for place in np.flatnonzero(better):
            self._kept[place] = self._copied(int(place))

    def _copied(self, place):
        return [ops.copy(variable.value) for variable in self.model.member(place).variables]

    def on_train_end(self, logs=None) -> None:
        if self.restore:
            for place, kept in enumerate(self._kept):
                for variable, value in zip(self.model.member(place).variables, kept, strict=True):
                    variable.assign(value)
        self._kept = []
