"""Dense layers of 1024 or more units compute in blocks on TensorFlow, with the same results."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.population import processor

if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow needs the blocks", allow_module_level=True)

from keras_ddl.population.executors import products

UNITS = products.STRIDE


@pytest.fixture(params=["avx2", "avx2 avx512f", ""], ids=["AVX2", "AVX-512", "unknown"])
def blocks(request, monkeypatch):
    """Whether this processor computes in blocks."""
    monkeypatch.setattr(processor, "flags", lambda: frozenset(request.param.split()))
    return request.param == "avx2"


def build(units=UNITS, **options):
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(units, **options)
    return keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(3)])


def blocks_of(model, rows=8):
    """How many blocks a traced forward pass splits kernels into."""
    import tensorflow as tf

    @tf.function
    def forward(x):
        with products.in_blocks(model):
            return model(x)

    graph = forward.get_concrete_function(tf.TensorSpec((rows, 6))).graph
    return sum(len(node.outputs) for node in graph.get_operations() if node.type == "SplitV")


def test_wide_layers_are_split_on_processors_where_it_was_measured(blocks):
    assert blocks_of(build()) == (products.BLOCKS if blocks else 0)


@pytest.mark.parametrize("model", [build(1000), build(dtype="float64"), build(dtype="bfloat16")])
def test_other_layers_are_not_split(blocks, model):
    assert blocks_of(model) == 0


@pytest.mark.parametrize("options", [{}, {"activation": "relu"}, {"use_bias": False}])
def test_outputs_and_gradients_are_those_of_the_plain_product(blocks, options):
    import tensorflow as tf

    model = build(**options)
    x = tf.constant(np.random.default_rng(0).normal(size=(8, 6)), "float32")
    found = []
    for context in (products.in_blocks(model), products.in_blocks(build())):
        with tf.GradientTape() as tape:
            tape.watch(x)
            with context:
                outputs = model(x)
        gradients = tape.gradient(outputs, [x, *(v.value for v in model.trainable_variables)])
        found.append([ops.convert_to_numpy(one) for one in (outputs, *gradients)])
    for mine, plain in zip(*found, strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-5, atol=1e-5)


def test_a_population_leaves_its_layers_as_they_were(blocks):
    population = Population(build, [{}, {"activation": "relu"}])
    population.compile("sgd", "mse")
    population.fit(np.ones((4, 6)), np.ones((4, 3)), batch_size=2, verbose=0)
    assert not any("call" in vars(one.layers[0]) for one in population.models)
    alone = build()
    alone.compile("sgd", "mse", jit_compile=False)
    alone.fit(np.ones((4, 6)), np.ones((4, 3)), batch_size=2, verbose=0)
    for mine, others in zip(population.member(0).variables, alone.variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), others.numpy(), rtol=1e-5, atol=1e-6)
