"""Metrics, losses and optimizers of members are Keras' own, so that they behave as Keras' do."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl import Population

TENSORFLOW = keras.backend.backend() == "tensorflow"
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 12)).astype("float32")
Y = RANDOM.integers(0, 5, 96).astype("int32")
OPTIONS = {"batch_size": 16, "shuffle": False, "verbose": 0}
MEMBERS = [{"seed": 1}, {"seed": 2}]


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def linear(seed):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((12,)), layers.Dense(5)])


def both(build, optimizer="sgd", loss=None, **settings):
    """A population, and its second member alone."""
    population = Population(build, MEMBERS)
    alone = build(seed=2)
    for model in (population, alone):
        jit = {"jit_compile": False} if TENSORFLOW else {}
        model.compile(optimizer, loss or crossentropy(), **settings, **jit)
    return population, alone


def check(population, alone, x=X, y=Y, atol=1e-5, **fitting):
    ours = population.fit(x, y, **OPTIONS, **fitting).history
    theirs = alone.fit(x, y, **OPTIONS, **fitting).history
    assert [*ours] == [*theirs]
    for name, values in theirs.items():
        np.testing.assert_allclose([v[1] for v in ours[name]], values, atol=1e-4, err_msg=name)
    for mine, other in zip(population.member(1).weights, alone.weights, strict=True):
        pair = (ops.convert_to_numpy(one.value) for one in (mine, other))
        np.testing.assert_allclose(*pair, atol=atol)


def test_activity_losses_count_once():
    def build(seed):
        keras.utils.set_random_seed(seed)
        hidden = [
            layers.Dense(16, "relu", activity_regularizer="l1"),
            layers.Dense(8, "relu", activity_regularizer="l2"),
        ]
        return keras.Sequential([keras.Input((12,)), *hidden, layers.Dense(5)])

    check(*both(build), epochs=10)


def test_adapted_normalization_is_each_members_own():
    def build(seed):
        keras.utils.set_random_seed(seed)
        normalization = layers.Normalization()
        normalization.adapt(X[: seed * 20] * seed)
        return keras.Sequential([keras.Input((12,)), normalization, layers.Dense(5)])

    check(*both(build))


@pytest.mark.parametrize("name", ["Nadam", "Adam", "RMSprop", "Adafactor", "Lamb", "Lion"])
def test_optimizers_with_rates(name):
    kind = getattr(keras.optimizers, name)
    population, alone = Population(linear, MEMBERS), linear(2)
    population.compile(kind(0.01), crossentropy(), learning_rate=[0.01, 0.002])
    alone.compile(kind(0.002), crossentropy())
    check(population, alone, epochs=2)


WEIGHTS = RANDOM.uniform(0, 2, 96).astype("float32")


@pytest.mark.parametrize(
    "fitting",
    [
        {"sample_weight": WEIGHTS},
        {"class_weight": {0: 1.0, 1: 9.0, 2: 1.0, 3: 1.0, 4: 1.0}},
        {"validation_data": (X, Y, WEIGHTS)},
        {"validation_split": 0.25},
    ],
    ids=lambda fitting: next(iter(fitting)),
)
def test_weights_of_losses_and_metrics(fitting):
    settings = {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}
    check(*both(linear, **settings), epochs=2, **fitting)


@pytest.mark.parametrize(
    "metrics", [["mae"], ["accuracy", "mse"], [keras.metrics.MeanSquaredError(name="error")]]
)
def test_names_and_kinds_of_metrics(metrics):
    def regression(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((12,)), layers.Dense(1)])

    population, alone = both(regression, loss="mse", metrics=metrics)
    check(population, alone, y=X[:, :1] > 0)


@pytest.mark.parametrize("callback", ["EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau"])
def test_callbacks_know_the_direction_of_a_metric(callback, tmp_path):
    make = {
        "EarlyStopping": lambda: keras.callbacks.EarlyStopping("val_accuracy", patience=1),
        "ModelCheckpoint": lambda: keras.callbacks.ModelCheckpoint(
            str(tmp_path / "best.keras"), monitor="val_accuracy", save_best_only=True
        ),
        "ReduceLROnPlateau": lambda: keras.callbacks.ReduceLROnPlateau("val_accuracy"),
    }[callback]()
    population, _ = both(linear, metrics=["accuracy"])
    population.fit(X, Y, **OPTIONS, validation_data=(X, Y), epochs=2, callbacks=[make])
    assert make.monitor_op(2.0, 1.0)


def test_one_overflowing_member_stops_no_other():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")

    def build(seed):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((12,)), layers.Dense(16, "relu"), layers.Dense(5)])
        if seed == 1:
            model.layers[0].kernel.assign(model.layers[0].kernel * 1e6)
        return model

    try:
        population, alone = both(build)
        with pytest.warns(UserWarning, match=r"member\(s\) \[0\]"):
            ours = population.fit(X, Y, **OPTIONS, epochs=4).history
        theirs = alone.fit(X, Y, **OPTIONS, epochs=4).history
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_allclose([v[1] for v in ours["loss"]], theirs["loss"], atol=2e-3)


@pytest.mark.parametrize("metrics", [[["accuracy"], ["mae"]], {"o1": "accuracy"}, None])
def test_several_outputs(metrics):
    def build(seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((12,))
        hidden = layers.Dense(8, "relu")(inputs)
        outputs = [layers.Dense(5, name="o1")(hidden), layers.Dense(1, name="o2")(hidden)]
        return keras.Model(inputs, outputs)

    population, alone = both(build, loss=[crossentropy(), "mse"], metrics=metrics)
    check(population, alone, y=[Y, X[:, :1]])


class Leak:
    def __init__(self, slope):
        self.slope = slope

    def __call__(self, x):
        return ops.leaky_relu(x, self.slope)


class Hidden(layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return super().get_config()


def closure(slope):
    def activation(x, *, slope=slope):
        return ops.leaky_relu(x, slope)

    return activation


@pytest.mark.parametrize(
    "layer",
    [
        lambda a: layers.Dense(8, Leak(a)),
        lambda a: layers.Dense(8, closure(a)),
        lambda a: layers.Dense(8, kernel_regularizer=lambda w: a * ops.sum(w * w)),
        lambda a: layers.Dense(8, kernel_constraint=lambda w: ops.clip(w, -a, a)),
        Hidden,
    ],
    ids=["object", "default", "regularizer", "constraint", "config"],
)
def test_constants_that_differ_are_each_members_own(layer):
    def build(seed):
        keras.utils.set_random_seed(1)
        return keras.Sequential([keras.Input((12,)), layer(0.3 * seed), layers.Dense(5)])

    check(*both(build), epochs=2)


def test_a_model_with_its_own_training_step():
    class Doubled(keras.Model):
        def __init__(self):
            super().__init__()
            self.top = layers.Dense(5)

        def call(self, inputs):
            return self.top(inputs)

        def compute_loss(self, *args, **kwargs):
            return 2 * super().compute_loss(*args, **kwargs)

    def build(seed):
        keras.utils.set_random_seed(seed)
        model = Doubled()
        model(ops.zeros((1, 12)))
        return model

    check(*both(build))
