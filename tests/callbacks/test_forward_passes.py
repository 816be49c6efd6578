"""Monitors' forward passes change nothing, whatever the model does at inference."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.callbacks import (
    ActivationStats,
    DeadReLUCounter,
    GradientStats,
    SanityChecks,
    ValidationSets,
)

pytestmark = pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning")

X = np.random.default_rng(3).normal(size=(96, 7, 6)).astype("float32")
Y = np.random.default_rng(4).integers(0, 3, 96)


class Counting(layers.Layer):
    """Assigns a weight at every call, at inference too."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign(self.calls + 1)
        return x * (1 + self.calls / 100)


class Noisy(layers.Layer):
    """Draws at inference too."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(5)

    def call(self, x):
        return x + 0.1 * keras.random.normal(ops.shape(x), seed=self.seed)


MODELS = {
    "recurrent dropout": lambda: [layers.LSTM(5, dropout=0.2, recurrent_dropout=0.2)],
    "bidirectional": lambda: [layers.Bidirectional(layers.GRU(5, dropout=0.2))],
    "assigned weights": lambda: [layers.Flatten(), Counting()],
    "noise": lambda: [Noisy(), layers.Flatten()],
    "stateful": lambda: [layers.LSTM(5, stateful=True)],
}
MONITORS = {
    "dead, gradient": lambda: [DeadReLUCounter()],
    "dead, data": lambda: [DeadReLUCounter("data", X[:40], batch_size=1000)],
    "activations": lambda: [ActivationStats(X[:40], every=2)],
    "sets": lambda: [ValidationSets({"test": (X[:48], Y[:48])})],
    "sanity": lambda: [SanityChecks(X, Y, overfit_steps=2)],
    "gradients": lambda: [GradientStats()],
}


def trained(name, callbacks):
    keras.utils.set_random_seed(7)
    first = keras.Input(batch_shape=(16, 7, 6)) if name == "stateful" else keras.Input((7, 6))
    model = keras.Sequential(
        [first, *MODELS[name](), layers.Dense(8, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    keras.utils.set_random_seed(11)
    model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=callbacks())
    states = [state for layer in model.layers for state in getattr(layer, "states", None) or ()]
    return [ops.convert_to_numpy(ops.copy(v.value)) for v in [*model.variables, *states]]


@pytest.fixture(scope="module")
def plain():
    """The weights after training without a monitor, by the name of the model."""
    found = {}

    def of(name):
        if name not in found:
            found[name] = trained(name, list)
        return found[name]

    return of


@pytest.mark.parametrize(
    "monitor", ["all", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in MONITORS)]
)
@pytest.mark.parametrize("name", MODELS)
def test_training_is_the_same_with_a_monitor(name, monitor, plain):
    if name == "stateful" and keras.backend.backend() == "torch":
        pytest.skip("Keras cannot train stateful recurrent layers on PyTorch for two batches")
    monitors = MONITORS | {"all": lambda: [one for make in MONITORS.values() for one in make()]}
    for before, after in zip(plain(name), trained(name, monitors[monitor]), strict=True):
        np.testing.assert_array_equal(before, after)


def test_statistics_of_a_model_with_a_batch_size_are_those_of_all_whole_batches():
    statistics = []
    for batch_shape in ((None, 7, 6), (16, 7, 6)):
        keras.utils.set_random_seed(1)
        inputs = keras.Input(batch_shape=batch_shape)
        model = keras.Model(inputs, layers.Dense(4, "tanh", name="a")(inputs))
        model.compile("sgd", "mse")
        stats = ActivationStats(X[:32] if batch_shape[0] is None else X[:40])
        stats.set_model(model)
        stats.on_train_begin()
        stats.set_params({"steps": 1})
        stats.on_epoch_begin(0)
        stats.on_epoch_end(0)
        statistics.append(stats.history[0])
    assert statistics[0] == pytest.approx(statistics[1], rel=1e-5)


def test_a_set_that_does_not_fill_whole_batches_is_refused_by_name():
    inputs = keras.Input(batch_shape=(16, 7, 6))
    model = keras.Model(inputs, layers.Flatten()(inputs))
    model.compile("sgd", "mse")
    sets = ValidationSets({"odd": (X[:20], X[:20].reshape(20, -1))})
    sets.set_model(model)
    with pytest.raises(ValueError, match=r"requires batches of 16.*Received: 20 examples in 'odd'"):
        sets.on_epoch_end(0, {})
