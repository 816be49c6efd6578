"""Learning curves of one model, or of a population's members."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.harness.data import Examples, Split
from benchmarks.harness.spec import Params
from benchmarks.harness.training.scoring import Predict, enter, score_together
from keras_ddl.callbacks import BestMembers

OnPoint = Callable[[int, int], None]


class Watch(keras.callbacks.Callback):
    """Records learning curves and stops runs whose loss is no longer finite.

    `loss` is the running training loss, with dropout; the others are measured at inference.
    `seconds`, of a model that trains alone, counts training alone. A point is what Keras calls an
    epoch: looking at every batch, as core's TerminateOnNaN does, would make JAX wait for each.

    Args:
        predict: as `score_together` wants it.
        data: the split of each member.
        examples: on how many of the training and validation examples a point is measured.
        on_point: called with (points done, points in all).
    """

    def __init__(
        self,
        predict: Predict,
        data: Sequence[Split],
        examples: int,
        on_point: OnPoint,
    ):
        super().__init__()
        self.predict = predict
        self.sets = {
            name: _beginnings([getattr(split, name) for split in data], examples)
            for name in ("train", "validation")
            if examples and len(getattr(data[0], name).y)
        }
        self.on_point = on_point
        self.curves: list[dict[str, list[float]]] = [{} for _ in data]
        self.diverged = [False for _ in data]
        self.others: list[str] = []  # curves from watchers
        self._begun = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        spent = time.perf_counter() - self._begun
        alone = len(self.curves) == 1
        losses = [logs["loss"]] if alone else self.model.member_logs["loss"]
        points: list[dict[str, Any]] = [
            {"updates": (epoch + 1) * self.params["steps"], "loss": float(loss)} for loss in losses
        ]
        if alone:
            points[0]["seconds"] = spent + self.curves[0].get("seconds", [0.0])[-1]
        results = logs if alone else self.model.member_logs
        self.others = [name for name in results if name not in points[0] and "/" not in name]
        for name in self.others:
            for point, value in zip(points, np.atleast_1d(results[name]), strict=True):
                point[name] = float(value)
        for name, sets in self.sets.items():
            for point, found in zip(points, score_together(self.predict, sets), strict=True):
                point[f"{name}_loss"], point[f"{name}_error"] = found
        if "validation_error" in points[0]:  # for callbacks after this one
            errors = [point["validation_error"] for point in points]
            enter(self.model, logs, "validation_error", errors)
        for member, point in enumerate(points):
            if not self.diverged[member]:
                for name, value in point.items():
                    self.curves[member].setdefault(name, []).append(value)
                self.diverged[member] = not all(map(math.isfinite, point.values()))
        self.model.stop_training = all(self.diverged)
        self.on_point(epoch + 1, self.params["epochs"])


class BestPoint:
    """Gives a model, or each member, the weights of its lowest validation error at the end.

    Args:
        members: how many models train together.
        params: of the trials.
    """

    def __init__(self, members: int, params: Params):
        examples, size = params["curve_examples"], params["validation_size"]
        if not (examples and size):
            raise ValueError(
                "`early_stopping` needs a validation error at every point: `curve_examples` and "
                f"`validation_size` above 0. Received: curve_examples={examples}, "
                f"validation_size={size}"
            )
        self.callback: Any = BestMembers("validation_error")  # must come after a `Watch`
        if members == 1:
            never = params["points"]  # all updates are done
            self.callback = keras.callbacks.EarlyStopping(
                "validation_error", patience=never, mode="min", restore_best_weights=True
            )

    @property
    def points(self) -> list[int]:
        """The best point of each member, counted from 0."""
        several = isinstance(self.callback, BestMembers)
        return self.callback.epochs.tolist() if several else [self.callback.best_epoch]


def _beginnings(sets: Sequence[Examples], count: int) -> list[Examples]:
    """The first `count` examples of each set; one object for all if the sets are one object."""
    beginnings = [Examples(one.x[:count], one.y[:count]) for one in sets]
    return beginnings[:1] * len(sets) if all(one is sets[0] for one in sets) else beginnings
