"""FusedSGD against core's SGD, wherever it takes the fused step and wherever it does not."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_ddl import Population
from keras_ddl.optimizers import FusedSGD

SGD = keras.optimizers.SGD
RULES = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "weight_decay": 0.01, "clipvalue": 0.05},
    {"momentum": 0.9, "global_clipnorm": 0.1},
    {"momentum": 0.9, "gradient_accumulation_steps": 2},
    {"momentum": 0.9, "use_ema": True, "ema_overwrite_frequency": 4},
]
ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's operations and strategies"
)
ON_TWO_DEVICES = """
import json
import keras
import numpy as np
import tensorflow as tf
from keras_ddl.optimizers import FusedSGD

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
found = []
for kind in (FusedSGD, keras.optimizers.SGD):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
        model.compile(kind(0.1, momentum=0.9), "mse")
    x = np.arange(48, dtype="float32").reshape(8, 6) / 48
    model.fit(x, x[:, :1], batch_size=4, epochs=2, shuffle=False, verbose=0)
    found.append(model.get_weights()[0].tolist())
print(json.dumps(found))
"""
# PyTorch has no XLA, and its populations train in a loop.
JIT, MODE = (False, "loop") if keras.backend.backend() == "torch" else (True, "auto")
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 6)).astype("float32"), rng.integers(0, 3, 40)


def build(seed=0, dtype=None):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(8, "relu", dtype=dtype)(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, dtype=dtype)(x))


def trained(model, optimizer, x=X, **compiled):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **compiled)
    model.fit(x, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


def assert_equal(ours, core, atol=1e-6):
    for one, other in zip(ours, core, strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


@pytest.mark.parametrize(
    ("rule", "jit_compile"), [*((rule, False) for rule in RULES), (RULES[2], JIT)], ids=str
)
def test_weights_are_those_of_core(rule, jit_compile):
    ours = trained(build(), FusedSGD(0.1, **rule), jit_compile=jit_compile)
    core = trained(build(), SGD(0.1, **rule), jit_compile=jit_compile)
    assert_equal(ours, core)


def test_eagerly():
    ours = trained(build(), FusedSGD(0.1, momentum=0.9), run_eagerly=True)
    assert_equal(ours, trained(build(), SGD(0.1, momentum=0.9), run_eagerly=True))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "mixed_float16"])
def test_lower_precision(policy):
    ours = trained(build(dtype=policy), FusedSGD(0.1, momentum=0.9))
    core = trained(build(dtype=policy), SGD(0.1, momentum=0.9))
    assert_equal([w.astype("float32") for w in ours], [w.astype("float32") for w in core], 0.02)


def test_gradients_of_an_embedding():
    """They are sparse on TensorFlow."""

    def embedding():
        keras.utils.set_random_seed(0)
        flat = [keras.layers.Embedding(10, 4), keras.layers.Flatten(), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((6,), dtype="int32"), *flat])

    words = np.random.default_rng(1).integers(0, 10, X.shape)
    ours = trained(embedding(), FusedSGD(0.1, momentum=0.9), words)
    assert_equal(ours, trained(embedding(), SGD(0.1, momentum=0.9), words))


def test_constraints_hold():
    def constrained():
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(0.5))
        return keras.Sequential([keras.Input((6,)), dense])

    ours = trained(constrained(), FusedSGD(0.1, momentum=0.9))
    assert_equal(ours, trained(constrained(), SGD(0.1, momentum=0.9)))


@pytest.mark.parametrize(
    ("momentum", "rates", "jit_compile"),
    [(0.0, None, False), (0.9, None, False), (0.9, [0.1, 0.05], False), (0.9, [0.1, 0.05], JIT)],
)
def test_a_population_takes_it(momentum, rates, jit_compile):
    def weights(optimizer):
        population = Population(build, [{"seed": 0}, {"seed": 1}], executor=MODE)
        population.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            learning_rate=rates,
            jit_compile=jit_compile,
        )
        population.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        return population.get_weights()

    assert_equal(weights(FusedSGD(0.1, momentum=momentum)), weights(SGD(0.1, momentum=momentum)))


def test_a_saved_model_goes_on(tmp_path):
    model = build()
    trained(model, FusedSGD(0.1, momentum=0.9))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, FusedSGD)
    for one in (model, again):
        one.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert_equal(again.get_weights(), model.get_weights())


@ON_TENSORFLOW
def test_one_operation_for_each_weight():
    import tensorflow as tf

    model, optimizer = build(), FusedSGD(0.1, momentum=0.9)
    weights = model.trainable_variables
    optimizer.build(weights)
    step = tf.function(lambda: optimizer.apply([tf.ones(w.shape) for w in weights]))
    operations = [op.type for op in step.get_concrete_function().graph.get_operations()]
    assert operations.count("ResourceApplyKerasMomentum") == len(weights) == 4


@ON_TENSORFLOW
def test_under_a_strategy_it_is_core_sgd():
    ran = subprocess.run(
        [sys.executable, "-c", ON_TWO_DEVICES], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    ours, core = json.loads(ran.stdout.splitlines()[-1])
    np.testing.assert_allclose(ours, core, atol=1e-6)
