"""Maxout, MaxoutDense and MaxoutConv2D: what they compute and what they refuse."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_ddl.layers import Maxout, MaxoutConv2D, MaxoutDense

# JAX compiles every operation anew for every shape.
EXAMPLES = 4 if keras.backend.backend() == "jax" else 20


def apply(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


def test_channels_are_grouped_as_in_tensorflow_addons():
    x = np.array([[1, 5, 2, 0, 4, 9]], "float32")
    np.testing.assert_array_equal(apply(Maxout(3), x), [[1, 5, 9]])


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    units=st.integers(1, 4),
    pieces=st.integers(1, 4),
    data=st.data(),
)
def test_any_axis_of_any_rank(lengths, units, pieces, data):
    """Against a reshape in NumPy."""
    position = data.draw(st.integers(1, len(lengths)), label="axis")
    shape = [2, *lengths]
    shape[position] = units * pieces
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    grouped = x.reshape(*shape[:position], pieces, units, *shape[position + 1 :])
    for axis in (position, position - len(shape)):
        layer = Maxout(units, axis=axis)
        np.testing.assert_array_equal(apply(layer, x), grouped.max(axis=position))


def line(positive, negative, bias=0.0):
    """One unit of one input: max(positive x + bias, negative x + bias)."""
    layer = MaxoutDense(1)
    layer.build((None, 1))
    layer.set_weights([np.array([[positive, negative]]), np.full(2, bias)])
    return layer


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (line(1, 0), keras.activations.relu),
        (line(1, 0.2), lambda x: keras.activations.leaky_relu(x, 0.2)),
        (line(1, -1), ops.abs),
        (line(1, 0, bias=3), lambda x: keras.activations.relu(x) + 3),
    ],
    ids=["relu", "leaky relu", "absolute value", "with bias"],
)
def test_two_pieces_become_well_known_activations(layer, expected):
    x = np.linspace(-3, 3, 13, dtype="float32")[:, None]
    np.testing.assert_array_equal(apply(layer, x), ops.convert_to_numpy(expected(x)))


@pytest.mark.parametrize("pieces", [1, 3])
def test_parameters_multiply_by_the_pieces(pieces):
    dense, maxout = keras.layers.Dense(7), MaxoutDense(7, pieces)
    conv, maxout_conv = keras.layers.Conv2D(7, 3), MaxoutConv2D(7, 3, pieces)
    for plain, layer, shape in [
        (dense, maxout, (None, 4)),
        (conv, maxout_conv, (None, 6, 6, 4)),
    ]:
        plain.build(shape)
        layer.build(shape)
        assert layer.count_params() == pieces * plain.count_params()


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (MaxoutDense(2, 3), keras.layers.Dense(6)),
        (
            MaxoutConv2D(2, (3, 2), 3, strides=(1, 2), padding="same"),
            keras.layers.Conv2D(6, (3, 2), strides=(1, 2), padding="same"),
        ),
        (
            MaxoutConv2D(2, 2, 3, dilation_rate=2, use_bias=False),
            keras.layers.Conv2D(6, 2, dilation_rate=2, use_bias=False),
        ),
    ],
    ids=["dense", "strides", "dilation"],
)
def test_it_is_maxout_of_the_wide_layer(layer, plain):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype("float32")
    plain.build(x.shape)
    layer.build(x.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_array_equal(apply(layer, x), apply(Maxout(2), apply(plain, x)))


def test_initializers_regularizers_and_constraints_reach_the_weights():
    options = {
        "kernel_initializer": keras.initializers.Constant(2.0),
        "bias_initializer": "ones",
        "kernel_regularizer": keras.regularizers.L1(0.5),
        "bias_regularizer": keras.regularizers.L2(0.25),
        "activity_regularizer": keras.regularizers.L1(0.0),
        "kernel_constraint": "non_neg",
        "bias_constraint": keras.constraints.MaxNorm(3),
    }
    for layer, shape in [
        (MaxoutDense(2, **options), (1, 3)),
        (MaxoutConv2D(2, 1, **options), (1, 1, 1, 3)),
    ]:
        for made in (layer, type(layer).from_config(layer.get_config())):
            np.testing.assert_array_equal(apply(made, np.ones(shape, "float32")).ravel(), [7, 7])
            assert ops.convert_to_numpy(sum(made.losses)) == pytest.approx(0.5 * 24 + 0.25 * 4)
            assert isinstance(made.activity_regularizer, keras.regularizers.L1)
            assert isinstance(made.kernel.constraint, keras.constraints.NonNeg)
            assert made.bias.constraint.max_value == 3


@pytest.mark.parametrize("value", [0, -2, 1.5, "two", None, True])
def test_counts_are_positive_integers(value):
    for name, make in [
        ("num_units", lambda: Maxout(value)),
        ("units", lambda: MaxoutDense(value)),
        ("num_pieces", lambda: MaxoutDense(3, value)),
        ("filters", lambda: MaxoutConv2D(value, 3)),
        ("num_pieces", lambda: MaxoutConv2D(3, 3, value)),
    ]:
        with pytest.raises(ValueError, match=rf"`{name}` must be a positive.*Received: {name}="):
            make()


@pytest.mark.parametrize("axis", [0, 1.5, None, True])
def test_axis_is_an_integer_and_not_the_batch(axis):
    with pytest.raises(ValueError, match=r"`axis` must be an integer other than 0.*Received: axis"):
        Maxout(2, axis=axis)


@pytest.mark.parametrize("axis", [2, -2, -3])
def test_an_axis_that_the_input_lacks_is_refused(axis):
    with pytest.raises(ValueError, match=rf"`axis` must be an axis of .*Received: axis={axis}"):
        Maxout(2, axis=axis)(np.ones((2, 4), "float32"))


@pytest.mark.parametrize("channels", [5, 2])
def test_channels_that_do_not_divide_are_refused(channels):
    with pytest.raises(ValueError, match=f"multiple of `num_units`. Received: {channels} channels"):
        Maxout(3)(keras.Input((channels,)))


def test_the_number_of_channels_may_be_unknown():
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    known = ops.convert_to_numpy(Maxout(3)(x))
    model = keras.Sequential([keras.Input((None, None)), Maxout(3)])
    assert model.output_shape == (None, None, 3)
    np.testing.assert_array_equal(ops.convert_to_numpy(model(x)), known)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function(input_signature=[tf.TensorSpec((None, None, None))])
        def compiled(x):
            return Maxout(3)(x)

        np.testing.assert_array_equal(compiled(x), known)
