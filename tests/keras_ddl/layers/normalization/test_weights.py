"""WeightStandardization and WeightNormalization."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.layers import WeightNormalization, WeightStandardization
from tests.keras_ddl.layers.normalization.reference import run, sample, value

# A layer, the shape of an input, and the axes of its kernel that lead to one output unit.
WRAPPED = {
    "dense": (lambda: layers.Dense(3), (4, 6), (0,)),
    "convolution": (lambda: layers.Conv2D(4, 3, groups=2), (2, 5, 5, 6), (0, 1, 2)),
    "transpose": (lambda: layers.Conv1DTranspose(3, 2), (2, 5, 6), (0, 2)),
    "depthwise": (lambda: layers.DepthwiseConv2D(2, depth_multiplier=2), (2, 5, 5, 3), (0, 1)),
}
KINDS = [WeightStandardization, WeightNormalization]


def initialized(model, x):
    WeightNormalization.initialize(model, ops.convert_to_tensor(x))


@pytest.mark.parametrize("name", WRAPPED)
def test_standardized_weights(name):
    """The layer computes what a plain one with the standardized kernel does."""
    make, shape, axes = WRAPPED[name]
    x, layer, plain = sample(*shape), WeightStandardization(make(), epsilon=1e-3), make()
    got = run(layer, x, None)
    plain.build(shape)
    kernel = value(layer.layer.kernel)
    kernel = kernel - kernel.mean(axis=axes, keepdims=True)
    kernel /= np.sqrt((kernel**2).mean(axis=axes, keepdims=True) + 1e-3)
    plain.kernel.assign(kernel.astype("float32"))
    np.testing.assert_allclose(got, run(plain, x, None), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WRAPPED)
def test_normalized_weights(name):
    """Wrapping changes nothing; afterwards g is the length of the weights and v does not matter."""
    make, shape, axes = WRAPPED[name]
    x, layer, plain = sample(*shape), WeightNormalization(make()), make()
    first = run(layer, x, None)
    plain.build(shape)
    plain.kernel.assign(layer.layer.kernel)
    np.testing.assert_allclose(first, run(plain, x, None), rtol=1e-5, atol=1e-5)
    length = np.linspace(0.5, 2, layer.g.shape[-1] * layer.g.shape[-2]).reshape(layer.g.shape)
    layer.g.assign(length)
    layer.layer.kernel.assign(ops.multiply(layer.layer.kernel, 3.0))
    found = ops.convert_to_numpy(layer.effective_kernel())
    found = np.sqrt((found.astype("float64") ** 2).sum(axis=axes, keepdims=True))
    np.testing.assert_allclose(found, length, rtol=1e-5)


@pytest.mark.parametrize("name", WRAPPED)
def test_removing_leaves_a_plain_layer_that_computes_the_same(name):
    make, shape, _ = WRAPPED[name]
    x, layer = sample(*shape), WeightNormalization(make())
    layer.build(shape)
    layer.g.assign(sample(*layer.g.shape, seed=4))  # of both signs
    before = run(layer, x, None)
    plain = layer.remove()
    assert plain is layer.layer
    np.testing.assert_allclose(run(plain, x, None), before, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run(layer, x, None), before, rtol=1e-4, atol=1e-5)


def test_data_dependent_initialization_of_a_whole_model():
    """Every unit has mean 0 and variance 1 before its activation, whatever comes before."""
    shared = WeightNormalization(layers.Dense(8, activation="tanh"))
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            WeightNormalization(layers.Conv2D(5, 3, activation="relu")),
            layers.Flatten(),
            layers.Dense(8),
            shared,
            shared,
            WeightNormalization(layers.Dense(4)),
        ]
    )
    x = sample(64, 6, 6, 3, mean=3, std=5)
    initialized(model, x)
    out = run(model, x)
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(out.std(axis=0), 1, atol=1e-3)
    convolution, _, dense, first = model.layers[:4]
    units = run(convolution, x, None)
    assert units.min() == 0  # the activation is back
    assert first.layer.activation is keras.activations.tanh
    inner = run(keras.Sequential([convolution, layers.Flatten(), dense]), x)
    before = np.arctanh(run(first, inner, None).astype("float64"))
    np.testing.assert_allclose(before.mean(axis=0), 0, atol=1e-2)
    np.testing.assert_allclose(before.std(axis=0), 1, atol=1e-2)


class Noise(layers.Layer):
    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs):
        return inputs + keras.random.normal(ops.shape(inputs), seed=self.generator)


def test_initialization_changes_nothing_else():
    noise, wrapper = Noise(), WeightNormalization(layers.Dense(4))
    model = keras.Sequential([noise, wrapper])
    seed = value(noise.generator.state)
    x = sample(64, 6)
    initialized(model, x)
    kernel = value(wrapper.layer.kernel)
    initialized(model, 2 * x)
    np.testing.assert_array_equal(value(noise.generator.state), seed)
    np.testing.assert_array_equal(value(wrapper.layer.kernel), kernel)


@pytest.mark.parametrize("name", ["transpose", "depthwise"])
def test_initialization_knows_the_units_of_other_kernels(name):
    make, shape, _ = WRAPPED[name]
    layer, x = WeightNormalization(make()), sample(16, *shape[1:], mean=1)
    layer.build(shape)
    initialized(layer, x)
    out = run(layer, x, None)
    axes = tuple(range(out.ndim - 1))
    np.testing.assert_allclose(out.mean(axis=axes), 0, atol=1e-4)
    np.testing.assert_allclose(out.std(axis=axes), 1, atol=1e-3)


def test_initialization_without_a_bias_sets_the_scale():
    layer, x = WeightNormalization(layers.Dense(4, use_bias=False)), sample(64, 6, mean=1)
    layer.build(x.shape)
    initialized(layer, x)
    np.testing.assert_allclose(run(layer, x, None).std(axis=0), 1, atol=1e-3)


def test_wrappers_come_out_of_a_model():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            WeightNormalization(layers.Dense(4, activation="relu")),
            layers.Dense(2),
        ]
    )
    x = sample(5, 6)
    initialized(model, x)

    def unwrapped(layer):
        return layer.remove() if isinstance(layer, WeightNormalization) else layer

    plain = keras.models.clone_model(model, clone_function=unwrapped)
    assert [type(layer) for layer in plain.layers] == [layers.Dense] * 2
    np.testing.assert_allclose(run(plain, x), run(model, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_training_moves_all_weights_of_a_model_built_late(kind):
    model = keras.Sequential([kind(layers.Dense(4, activation="tanh")), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = sample(32, 6)
    before = model.evaluate(x, x[:, :1], verbose=0)
    start = [value(weight) for weight in model.trainable_variables]
    if kind is WeightNormalization:
        length = np.linalg.norm(value(model.layers[0].layer.kernel), axis=0)
        np.testing.assert_allclose(value(model.layers[0].g)[0], length, rtol=1e-5)
    model.fit(x, x[:, :1], epochs=5, verbose=0)
    assert model.evaluate(x, x[:, :1], verbose=0) < before
    end = [value(weight) for weight in model.trainable_variables]
    assert all((one != other).any() for one, other in zip(start, end, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_regularizers_and_freezing_of_the_wrapped_layer_hold(kind):
    layer = kind(layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l2"))
    run(layer, sample(3, 4), None)
    assert len(layer.losses) == 2
    layer.trainable = False
    assert layer.trainable_variables == []
    run(layer, sample(3, 4), None)


@pytest.mark.parametrize("kind", KINDS)
def test_other_layers_are_refused(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} wraps Dense, .*Received: layer=<LSTM"):
        kind(layers.LSTM(2))


@pytest.mark.parametrize("epsilon", [0, "1e-5"])
def test_a_bad_epsilon_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"`epsilon` must be a positive number\..*Received: eps"):
        WeightStandardization(layers.Dense(2), epsilon=epsilon)


def test_arguments_of_tensorflow_addons_are_taken_or_explained():
    x, layer = sample(3, 4), layers.Dense(2)
    expected = run(layer, x, None)
    np.testing.assert_allclose(run(WeightNormalization(layer, False), x, None), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"`data_init` .*initialize.*Received: data_init=True"):
        WeightNormalization(layers.Dense(2), data_init=True)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_zero_give_finite_outputs(kind):
    layer = kind(layers.Dense(2, kernel_initializer="zeros"))
    np.testing.assert_array_equal(run(layer, sample(3, 4), None), 0)
