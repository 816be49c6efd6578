"""Every executor trains every architecture as Keras trains its members one by one."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl import Population
from keras_ddl.layers import VariableDropout
from keras_ddl.optimizers import FusedSGD

BACKEND = keras.backend.backend()
RANDOM = np.random.default_rng(0)
COUNT, STEPS = 2, 20


def sequential(shape, *hidden):
    return keras.Sequential([keras.Input(shape), *hidden, layers.Dense(3)])


def residual():
    inputs = keras.Input((8,))
    x = layers.Dense(8, "relu")(inputs)
    return keras.Model(inputs, layers.Dense(3)(layers.Add()([inputs, x])))


def attention():
    inputs = keras.Input((6, 8))
    x = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def convolution(*hidden):
    shape = (8, 8, 2)
    return sequential(
        shape, layers.Conv2D(4, 3), *hidden, layers.ReLU(), layers.GlobalAveragePooling2D()
    )


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.top = layers.Dense(8, "relu"), layers.Dense(3)

    def call(self, inputs):
        return self.top(self.hidden(inputs))


def subclassed():
    model = Subclassed()
    model(ops.zeros((1, 8)))
    return model


ARCHITECTURES = {
    "linear": lambda: sequential((8,)),
    "dense": lambda: sequential((8,), layers.Dense(16, "relu"), layers.Dense(16, "tanh")),
    "dropout": lambda: sequential((8,), layers.Dense(16, "relu"), layers.Dropout(0.3, seed=1)),
    "variable dropout": lambda: sequential((8,), layers.Dense(16), VariableDropout(0.3, seed=1)),
    "noise": lambda: sequential((8,), layers.GaussianNoise(0.2, seed=2), layers.Dense(8, "elu")),
    "batch normalization": lambda: sequential(
        (8,), layers.Dense(16, use_bias=False), layers.BatchNormalization(), layers.ReLU()
    ),
    "layer normalization": lambda: sequential((8,), layers.Dense(16), layers.LayerNormalization()),
    "regularized": lambda: sequential(
        (8,), layers.Dense(16, "relu", kernel_regularizer="l2", activity_regularizer="l1")
    ),
    "constrained": lambda: sequential(
        (8,), layers.Dense(16, kernel_constraint=keras.constraints.MaxNorm(0.5))
    ),
    "residual": residual,
    "subclassed": subclassed,
    "nested": lambda: sequential((8,), sequential((8,), layers.Dense(8)), layers.ReLU()),
    "convolution": convolution,
    "convolution, batch normalization": lambda: convolution(
        layers.BatchNormalization(), layers.SpatialDropout2D(0.2, seed=3)
    ),
    "separable convolution": lambda: convolution(layers.SeparableConv2D(4, 3)),
    "depthwise convolution": lambda: convolution(layers.DepthwiseConv2D(3)),
    "LSTM": lambda: sequential((6, 4), layers.LSTM(8)),
    "GRU": lambda: sequential((6, 4), layers.GRU(8)),
    "embedding": lambda: sequential((6,), layers.Embedding(10, 4), layers.Flatten()),
    "attention": attention,
}
ESSENTIAL = ["dense", "dropout", "batch normalization", "convolution", "LSTM", "subclassed"]
MAPPED = ["dense", "dropout", "variable dropout", "batch normalization", "regularized", "residual"]


def build(name, seed):
    keras.utils.set_random_seed(seed)
    return ARCHITECTURES[name]()


def optimizer():
    kind = FusedSGD if BACKEND == "tensorflow" else keras.optimizers.SGD
    return kind(0.05, momentum=0.9)


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def examples(name):
    shape = {"LSTM": (6, 4), "GRU": (6, 4), "embedding": (6,), "attention": (6, 8)}.get(name, (8,))
    shape = (8, 8, 2) if "convolution" in name else shape
    x = RANDOM.normal(size=(STEPS * 8, *shape)).astype("float32")
    return np.abs(3 * x) // 1 % 10 if name == "embedding" else x


def state(model):
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in model.variables]


def check(name, executor, tolerance=1e-5):
    x, y = examples(name), RANDOM.integers(0, 3, STEPS * 8)
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    members = [{"name": name, "seed": seed} for seed in range(COUNT)]
    population = Population(build, members, executor=executor)
    population.compile(optimizer(), loss())
    history = population.fit(x, y, **options).history
    for place, arguments in enumerate(members):
        alone = build(**arguments)
        alone.compile(optimizer(), loss(), jit_compile="auto" if BACKEND == "jax" else False)
        own = alone.fit(x, y, **options).history
        assert history["loss"][0][place] == pytest.approx(own["loss"][0], rel=1e-4)
        for mine, others in zip(state(population.member(place)), state(alone), strict=True):
            np.testing.assert_allclose(mine, others, atol=tolerance, rtol=1e-5)


# Compiling takes long: with every change only the essential ones run.
LATER = {"tensorflow": [pytest.mark.slow], "jax": [pytest.mark.exhaustive], "torch": []}[BACKEND]
EVERY = [pytest.param(name, marks=[] if name in ESSENTIAL else LATER) for name in ARCHITECTURES]


@pytest.mark.parametrize("name", EVERY)
def test_members_equal_separate_runs(name):
    check(name, "loop" if BACKEND == "torch" else "spread")


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch has one executor")
@pytest.mark.parametrize("executor", ["map", "loop"])
@pytest.mark.parametrize("name", MAPPED)
def test_other_executors_equal_separate_runs(name, executor):
    check(name, executor)


EXACT = ["dense", "dropout", "batch normalization", "convolution"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in EXACT else pytest.mark.exhaustive)
        for name in ARCHITECTURES
    ],
)
def test_a_member_is_bit_equal_to_itself_alone(name):
    x, y = examples(name), RANDOM.integers(0, 3, STEPS * 8)
    runs = []
    for seeds in ((0, 1, 2), (2,)):
        members = [{"name": name, "seed": seed} for seed in seeds]
        population = Population(build, members)
        population.compile(optimizer(), loss())
        population.fit(x, y, batch_size=8, shuffle=False, verbose=0)
        runs.append(state(population.member(-1)))
    for together, alone in zip(*runs, strict=True):
        np.testing.assert_array_equal(together, alone)
