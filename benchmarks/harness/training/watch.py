"""Records the learning curves of one model or of a population's members."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.harness.data import Examples, Split
from benchmarks.harness.spec import Params
from benchmarks.harness.training.packing import packed, unpacked
from benchmarks.harness.training.scoring import Predict, add_to_logs, score_together
from keras_ddl.callbacks import BestMembers

OnPoint = Callable[[int, int], None]
Probe = Callable[[int, keras.Model], Mapping[str, float]]


class Watch(keras.callbacks.Callback):
    """Records learning curves, and stops training when all members have diverged.

    The curve `loss` is the running training loss, with dropout; the other losses and the errors are
    measured at inference. The curve `seconds` exists only for a model that trains alone, and
    excludes the time of these measurements. One point of the curves is one epoch of `fit`. A member
    has diverged if a value of its point is not finite. This is checked once per epoch: a check
    after every batch, as in Keras' TerminateOnNaN, would make JAX wait for every batch.

    Args:
        predict: the function for `score_together`.
        data: the split of each member.
        examples: the number of training and of validation examples on which a point is measured.
        on_point: called with (points done, number of points).
        probe: `(member, model) -> values`, what else a point measures of each model, or None.
    """

    def __init__(
        self,
        predict: Predict,
        data: Sequence[Split],
        examples: int,
        on_point: OnPoint,
        probe: Probe | None = None,
    ):
        super().__init__()
        self.predict = predict
        self.sets = {
            name: _beginnings([getattr(split, name) for split in data], examples)
            for name in ("train", "validation")
            if examples and len(getattr(data[0], name).y)
        }
        self.on_point = on_point
        self.probe = probe
        self.curves: list[dict[str, list[float]]] = [{} for _ in data]
        self.diverged = [False for _ in data]
        self.others: list[str] = []  # the names of curves from other callbacks and the probe
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
            for point, scores in zip(points, score_together(self.predict, sets), strict=True):
                point[f"{name}_loss"], point[f"{name}_error"] = scores
        if self.probe is not None:
            for member, point in enumerate(points):
                probed = self.probe(member, self.model if alone else self.model.member(member))
                point.update(probed)
                self.others = [*dict.fromkeys([*self.others, *probed])]
        if "validation_error" in points[0]:  # add it to the logs, for the callbacks after this one
            errors = [point["validation_error"] for point in points]
            add_to_logs(self.model, logs, "validation_error", errors)
        for member, point in enumerate(points):
            if not self.diverged[member]:
                for name, value in point.items():
                    self.curves[member].setdefault(name, []).append(value)
                self.diverged[member] = not all(map(math.isfinite, point.values()))
        self.model.stop_training = all(self.diverged)
        self.on_point(epoch + 1, self.params["epochs"])

    def get_state(self):
        """The curves so far, for a checkpoint."""
        state = {"curves": self.curves, "diverged": self.diverged, "others": self.others}
        return {"json": packed(state)}

    def set_state(self, state):
        for name, value in unpacked(state["json"]).items():
            setattr(self, name, value)


class Stopwatch(keras.callbacks.Callback):
    """Measures the time that a group takes, over all runs that trained a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def get_state(self):
        return {"seconds": np.asarray(self.seconds)}

    def set_state(self, state):
        self._started -= float(state["seconds"])


class _BestEpoch(keras.callbacks.EarlyStopping):
    """Restores the best epoch of one model, and can be part of a checkpoint."""

    STATE = ("best", "best_epoch", "wait", "stopped_epoch")

    def get_state(self):
        weights = {f"weight/{i}": one for i, one in enumerate(self.best_weights or [])}
        return {name: np.asarray(getattr(self, name)) for name in self.STATE} | weights

    def set_state(self, state):
        for name in self.STATE:
            setattr(self, name, state[name].item())
        self.best_weights = [state[f"weight/{i}"] for i in range(len(state) - len(self.STATE))]


class BestPoint:
    """Restores, at the end of training, the weights with the lowest validation error.

    In a population this is done for each member separately.

    Args:
        members: the number of models that train together.
        params: the parameters that the trials share.
    """

    def __init__(self, members: int, params: Params):
        examples, size = params["curve_examples"], params["validation_size"]
        if not (examples and size):
            raise ValueError(
                "`early_stopping` needs a validation error at every point: `curve_examples` and "
                f"`validation_size` above 0. Received: curve_examples={examples}, "
                f"validation_size={size}"
            )
        # It must follow a `Watch`, which adds the validation error to the logs.
        self.callback: Any = BestMembers("validation_error")
        if members == 1:
            never = params["points"]  # a patience of all points, so training never stops early
            self.callback = _BestEpoch(
                "validation_error", patience=never, mode="min", restore_best_weights=True
            )

    @property
    def points(self) -> list[int]:
        """The best point of each member, counted from 0."""
        several = isinstance(self.callback, BestMembers)
        return self.callback.epochs.tolist() if several else [self.callback.best_epoch]


def _beginnings(sets: Sequence[Examples], count: int) -> list[Examples]:
    """The first `count` examples of each set. Sets that are one object give one object."""
    beginnings = [Examples(one.x[:count], one.y[:count]) for one in sets]
    return beginnings[:1] * len(sets) if all(one is sets[0] for one in sets) else beginnings
