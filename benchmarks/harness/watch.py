"""Learning curves of one model, or of a population's members."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.harness.data import Examples, Split
from benchmarks.harness.scoring import Predict, score_together

OnPoint = Callable[[int, int], None]


class Watch(keras.callbacks.Callback):
    """Learning curves, and an end to runs whose loss is not finite any more.

    `loss` is the running training loss, with dropout; the others are measured at inference.
    `seconds`, of a model that trains alone, counts training alone. A point is what Keras calls an
    epoch: looking at every batch, as core's TerminateOnNaN does, would make JAX wait for each.

    Args:
        predict: as `score_together` wants it.
        data: the split of each member.
        examples: on how many of the training and validation examples a point is measured.
        on_point: called with (points done, points in all).
        early_stopping: whether each member gets back the weights of its best point at the end.
    """

    def __init__(
        self,
        predict: Predict,
        data: Sequence[Split],
        examples: int,
        on_point: OnPoint,
        early_stopping: bool = False,
    ):
        super().__init__()
        if early_stopping and not (examples and len(data[0].validation.y)):
            raise ValueError(
                "`early_stopping` needs a validation error at every point: `curve_examples` and "
                "`validation_size` above 0. "
                f"Received: curve_examples={examples}, validation_size={len(data[0].validation.y)}"
            )
        self.best = _Best(len(data)) if early_stopping else None
        self.predict = predict
        self.sets = {
            name: _beginnings([getattr(split, name) for split in data], examples)
            for name in ("train", "validation")
            if examples and len(getattr(data[0], name).y)
        }
        self.on_point = on_point
        self.curves: list[dict[str, list[float]]] = [{} for _ in data]
        self.diverged = [False for _ in data]
        self.others: list[str] = []  # curves that watchers gave
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
            self.others = [name for name in logs if name not in points[0] and "/" not in name]
            points[0] |= {name: float(logs[name]) for name in self.others}
        for name, sets in self.sets.items():
            for point, found in zip(points, score_together(self.predict, sets), strict=True):
                point[f"{name}_loss"], point[f"{name}_error"] = found
        for member, point in enumerate(points):
            if not self.diverged[member]:
                for name, value in point.items():
                    self.curves[member].setdefault(name, []).append(value)
                self.diverged[member] = not all(map(math.isfinite, point.values()))
        if self.best is not None:
            self.best.look(self.model, points)
        self.model.stop_training = all(self.diverged)
        self.on_point(epoch + 1, self.params["epochs"])

    def on_train_end(self, logs=None):
        if self.best is not None:
            self.best.restore(self.model)


class _Best:
    """The weights that each member had at its lowest validation error, the first of several."""

    def __init__(self, count: int):
        self.updates = [0] * count
        self._errors = [math.inf] * count
        self._weights: list[np.ndarray] = []

    def look(self, model: keras.Model, points: Sequence[dict[str, Any]]) -> None:
        found = [point["validation_error"] for point in points]
        better = np.array([new < old for new, old in zip(found, self._errors, strict=True)])
        if self._weights and not better.any():
            return  # before all weights are fetched
        weights = [np.array(weight) for weight in model.get_weights()]
        if self._weights and len(points) > 1:  # a population's weights have its members in front
            weights = [
                np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(weights, self._weights, strict=True)
            ]
        self._weights = weights
        for member in np.flatnonzero(better).tolist():
            self._errors[member] = found[member]
            self.updates[member] = points[member]["updates"]

    def restore(self, model: keras.Model) -> None:
        if self._weights:
            model.set_weights(self._weights)


def _beginnings(sets: Sequence[Examples], count: int) -> list[Examples]:
    """The first `count` examples of each; one object for what is one object."""
    cut = {id(one): Examples(one.x[:count], one.y[:count]) for one in sets}
    return [cut[id(one)] for one in sets]
