"""The networks that are trained, and the callbacks of each arm."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.costs.callback_cost.page import NONE, PAIR, STATISTICS, USUAL, WHOLE
from benchmarks.harness.seeds import derive
from benchmarks.networks.resnet import batch_norm, resnet

BATCH = 128
EXAMPLES = {"mlp": 6400, "resnet20": 1280}
SHAPES = {"mlp": (784,), "resnet20": (32, 32, 3)}
PROBED = 256  # examples on which activation statistics are measured


def mlp():
    import keras

    hidden = [keras.layers.Dense(2048, "relu", kernel_initializer="he_normal") for _ in range(3)]
    return keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)])


def resnet20():
    return resnet(SHAPES["resnet20"], 10, batch_norm(), seeds=functools.partial(derive, 0))


def arms(x: np.ndarray, folder: Path) -> dict[str, Callable[[], list]]:
    """By the arm's name, a function that creates its callbacks."""
    import keras

    import keras_ddl.callbacks as ours
    from keras_ddl.schedules import LinearDecay

    class PredictAll(keras.callbacks.Callback):
        """The usual way to count dead units: predict all activations at the end of each epoch."""

        def on_train_begin(self, logs=None):
            outputs = [layer.output for layer in self.model.layers if _has_relu(layer)]
            self.activations = keras.Model(self.model.inputs, outputs)

        def on_epoch_end(self, epoch, logs=None):
            outputs = self.activations.predict(x, batch_size=BATCH, verbose=0)
            dead = [(part <= 0).all(axis=tuple(range(part.ndim - 1))).sum() for part in outputs]
            logs["dead_relus"] = int(sum(dead))

    gradient = ours.DeadReLUCounter
    activations = functools.partial(ours.ActivationStats, x[:PROBED])
    whole = functools.partial(
        ours.DeadReLUCounter, "data", x, examples="all", batch_size=BATCH if x.ndim > 2 else 1000
    )

    class OneDead(keras.callbacks.Callback):
        """Makes one unit of every layer dead, so that `DeadReLUCounter` must check all batches.

        Otherwise it stops checking a layer as soon as all of the layer's units have fired.
        """

        def on_train_begin(self, logs=None):
            for layer in self.model.layers[:-1]:
                vector = getattr(layer, "beta", getattr(layer, "bias", None))
                if vector is not None:
                    values = keras.ops.convert_to_numpy(vector).copy()
                    values[0] = -1e4
                    vector.assign(values)

    report = functools.partial(ours.TrainingReport, folder / "report.html", png=False)
    every = functools.partial(ours.LearningRateSchedule, LinearDecay(0.01, 10_000))
    return {
        NONE: list,
        "DeadReLUCounter (gradient)": lambda: [gradient()],
        "GradientStats": lambda: [ours.GradientStats()],
        PAIR: lambda: [gradient(), ours.GradientStats()],
        STATISTICS: lambda: [activations()],
        "LearningRateSchedule": lambda: [every()],
        "PrecheltStopping": lambda: [ours.PrecheltStopping(ours.UP(9), monitor="loss")],
        "TrainingReport": lambda: [report()],
        "all of these": lambda: [
            gradient(),
            ours.GradientStats(),
            activations(),
            every(),
            ours.PrecheltStopping(ours.UP(9), monitor="loss"),
            report(),
        ],
        "DeadReLUCounter (data, 2000 examples)": lambda: [gradient("data", x)],
        WHOLE: lambda: [whole()],
        f"{WHOLE}, a dead unit in each layer": lambda: [OneDead(), whole()],
        USUAL: lambda: [PredictAll()],
    }


def _has_relu(layer):
    import keras

    activation = getattr(layer, "activation", None)
    return activation is keras.activations.relu or isinstance(layer, keras.layers.ReLU)
