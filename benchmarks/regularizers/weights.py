"""What the weights of a trained network look like, and an L1 penalty that begins late."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.harness.spec import Trial
from benchmarks.harness.training.scoring import add_to_logs
from keras_ddl.regularizers import VariableL1L2

SMALL = 1e-3
EDGES = tuple(np.arange(-8, 1.5, 0.5).tolist())  # of the histogram, log10 of |w|
HALF = 0.9  # of the importance of all inputs


def members(model: Any, count: int) -> list[keras.Model]:
    """The members of a population, or the model itself."""
    return [model] if count == 1 else [model.member(place) for place in range(count)]


class Stateless(keras.callbacks.Callback):
    """A callback that has nothing to save in a checkpoint."""

    def get_state(self):
        return {}

    def set_state(self, state):
        """There is nothing to restore."""


class LateL1(Stateless):
    """Adds an L1 penalty of strength `late_l1` for the last fifth of training."""

    def __init__(self, trials: Sequence[Trial]):
        super().__init__()
        self.trials = trials

    def on_epoch_begin(self, epoch, logs=None):
        if epoch != int(0.8 * self.params["epochs"]):
            return
        for trial, model in zip(self.trials, members(self.model, len(self.trials)), strict=True):
            for layer in model.layers:
                regularizer = getattr(layer, "kernel_regularizer", None)
                if isinstance(regularizer, VariableL1L2):
                    regularizer.l1 = trial.params["late_l1"]


class WeightStatistics(Stateless):
    """At the end of training, statistics of the kernels of each network.

    - `small_weights`: the share in % of weights whose absolute value is below .001.
    - `weights_LOW`: the share in % whose log10 of the absolute value lies in [LOW, LOW + .5);
      the outer bins take the rest.
    - `effective_weights`: the share in % of weights that would have the same ratio of
      (sum |w|)^2 to sum w^2 if they were equal and all others 0. It is 100 if all are equal.
    - `inputs`: the smallest number of inputs that have 90 % of the importance of all. The
      importance of an input is the sum of its absolute weights to the first hidden layer.
    """

    def __init__(self, trials: Sequence[Trial]):
        super().__init__()
        self.count = len(trials)

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 < self.params["epochs"]:
            return
        found = [statistics(kernels(model)) for model in members(self.model, self.count)]
        for name in found[0]:
            add_to_logs(self.model, logs, name, [one[name] for one in found])


def kernels(model: keras.Model) -> list[np.ndarray]:
    """The kernels of all layers."""
    return [
        np.asarray(ops.convert_to_numpy(variable.value))
        for variable in model.trainable_variables
        if len(variable.shape) == 2
    ]


def statistics(arrays: Sequence[np.ndarray]) -> dict[str, float]:
    """The metrics of `WeightStatistics` from the kernels of a network."""
    sizes = np.abs(np.concatenate([array.ravel() for array in arrays])).astype("float64")
    importance = np.sort(np.abs(arrays[0]).sum(axis=1))[::-1]
    shares = np.cumsum(importance) / max(importance.sum(), 1e-30)
    logs = np.clip(np.log10(np.maximum(sizes, 1e-30)), EDGES[0], EDGES[-1] - 1e-9)
    counts, _ = np.histogram(logs, EDGES)
    spread = sizes.sum() ** 2 / max((sizes**2).sum(), 1e-30)
    return {
        "small_weights": 100 * float(np.mean(sizes < SMALL)),
        "effective_weights": 100 * float(spread / len(sizes)),
        "inputs": float(np.searchsorted(shares, HALF) + 1),
        **{
            bin_name(low): round(100 * int(count) / len(sizes), 4)
            for low, count in zip(EDGES[:-1], counts, strict=True)
        },
    }


def bin_name(low: float) -> str:
    """The metric of a bin of the histogram."""
    return f"weights_{low:g}"
