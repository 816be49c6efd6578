"""Arms that train with Keras' `fit`: one model or a population."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.costs.throughput.arms import BATCH, CLASSES, NETWORKS, Arm, Network

RATE, MOMENTUM, DROPPED = 0.01, 0.9, 0.5


def examples(network: Network, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Random examples for a number of steps."""
    rng = np.random.default_rng(0)
    x = rng.random((steps * BATCH, *network.shape), dtype="float32")
    return x, rng.integers(0, CLASSES, len(x)).astype("int32")


def build(network: Network, seed: int) -> Any:
    """A Keras model."""
    import keras

    from keras_ddl.layers import VariableDropout

    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.Input(network.shape)]
    if network.kind == "mlp":
        for units in network.widths:
            layers += [keras.layers.Dense(units, "relu"), VariableDropout(DROPPED, seed=seed)]
    elif network.kind == "cnn":
        for filters in (16, 32):
            layers += [keras.layers.Conv2D(filters, 3, activation="relu")]
            layers += [keras.layers.MaxPooling2D()]
        layers += [keras.layers.Flatten(), keras.layers.Dropout(DROPPED, seed=seed)]
    else:
        layers += [keras.layers.LSTM(128)]
    return keras.Sequential([*layers, keras.layers.Dense(CLASSES)])


def fit(arm: Arm, network: str) -> Callable[[], object]:
    """Train one model. A turn is a call of `fit`, because the speed varies from call to call.

    On TensorFlow without a GPU `jit_compile` is False, as in a population, because XLA's matrix
    products are slower there.
    """
    import keras

    from benchmarks.harness.training import backend
    from keras_ddl import feed

    shape = NETWORKS[network]
    x, y = examples(shape, arm.steps(network))
    model = build(shape, 0)
    model.compile(
        keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=backend.jit_compile(),
        steps_per_execution=arm.execution,
    )
    if arm.feed:
        data = feed.arrays(x, y, batch_size=BATCH)
        return lambda: model.fit(data, shuffle=False, verbose=0)
    return lambda: model.fit(x, y, batch_size=BATCH, verbose=0)


def fit_together(
    arm: Arm, network: str, begin: Callable[[], object], end: Callable[[], object]
) -> None:
    """Train a population. A turn is an epoch of one `fit`, with arrays and core's SGD.

    Args:
        arm, network: what trains.
        begin: called when an epoch begins; it ends the training by an exception.
        end: called when an epoch ends.
    """
    import keras

    from keras_ddl import Population

    shape = NETWORKS[network]
    x, y = examples(shape, arm.steps(network))
    members = [{"network": shape, "seed": seed} for seed in range(arm.members)]
    population = Population(build, members, executor=arm.executor)
    population.compile(
        keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    turns = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begin(), on_epoch_end=lambda epoch, logs: end()
    )
    population.fit(x, y, batch_size=BATCH, epochs=10**9, verbose=0, callbacks=[turns])
