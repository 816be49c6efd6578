"""FusedAdam against core's Adam, wherever it takes the fused step and wherever it does not."""

import keras
import numpy as np
import pytest

from keras_ddl import Population
from keras_ddl.optimizers import FusedAdam

TENSORFLOW = keras.backend.backend() == "tensorflow"
RULES = [
    {},
    {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    {"amsgrad": True},
    {"weight_decay": 0.01, "clipvalue": 0.05},
    {"use_ema": True, "ema_overwrite_frequency": 4},
]
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 6)).astype("float32"), rng.integers(0, 3, 40)


def build(seed=0):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((6,)), *layers])


def trained(model, optimizer, **settings):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **settings)
    model.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    return model.get_weights()


def assert_equal(ours, core):
    for one, other in zip(ours, core, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_weights_are_those_of_core(rule):
    ours = trained(build(), FusedAdam(0.01, **rule), jit_compile=False)
    assert_equal(ours, trained(build(), keras.optimizers.Adam(0.01, **rule), jit_compile=False))


def test_a_saved_model_goes_on(tmp_path):
    model = build()
    trained(model, FusedAdam(0.01))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, FusedAdam)
    for one in (model, again):
        one.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert_equal(again.get_weights(), model.get_weights())


@pytest.mark.skipif(not TENSORFLOW, reason="TensorFlow's operation")
@pytest.mark.parametrize("optimizer", ["adam", keras.optimizers.Adam(0.01)], ids=["name", "object"])
def test_a_population_takes_it_for_core_adam(optimizer):
    population = Population(build, [{"seed": 0}, {"seed": 1}])
    trained(population, optimizer, learning_rate=[0.01, 0.02])
    assert all(type(model.optimizer) is FusedAdam for model in population.models)
    for seed, rate in enumerate([0.01, 0.02]):
        core = trained(build(seed), keras.optimizers.Adam(rate), jit_compile=False)
        assert_equal(population.member(seed).get_weights(), core)


@pytest.mark.skipif(not TENSORFLOW, reason="TensorFlow's operation")
def test_one_operation_for_each_weight():
    import tensorflow as tf

    model, optimizer = build(), FusedAdam(0.1)
    weights = model.trainable_variables
    optimizer.build(weights)
    step = tf.function(lambda: optimizer.apply([tf.ones(w.shape) for w in weights]))
    operations = [op.type for op in step.get_concrete_function().graph.get_operations()]
    assert operations.count("ResourceApplyAdam") == len(weights) == 4
