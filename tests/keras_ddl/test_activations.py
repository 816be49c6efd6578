"""Activation functions that core lacks: values, gradients, use in a saved model."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.activations import (
    arctan,
    binary_step,
    straight_through_binary_step,
    very_leaky_relu,
)

X = np.array([-3.0, -0.6, 0.0, 0.3, 2.0], "float32")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (binary_step, [0, 0, 1, 1, 1]),
        (straight_through_binary_step, [0, 0, 1, 1, 1]),
        (arctan, np.arctan(X)),
        (very_leaky_relu, [-1, -0.2, 0, 0.3, 2]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_values_and_dtype(function, expected, dtype):
    y = function(ops.cast(X, dtype))
    assert ops.dtype(y) == dtype
    rtol = 1e-6 if dtype == "float32" else 1e-2
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(y, "float32")), expected, rtol=rtol)


def trained(function):
    """The gradient that reaches a bias before the function, measured by one step of SGD.

    The identity is added to the function and its gradient is subtracted afterwards, because a
    network with the step function alone has no gradient.
    """
    x = keras.Input((5,))
    shift = keras.layers.Dense(5, lambda z: function(z) + z, kernel_initializer="identity")
    model = keras.Model(x, shift(x))
    model.compile(keras.optimizers.SGD(1.0), lambda y, out: ops.sum(out, axis=-1))
    model.train_on_batch(X[None], X[None])
    return -ops.convert_to_numpy(shift.bias.value) - 1


def test_the_step_has_no_gradient_and_its_straight_through_form_has_that_of_the_clipped_identity():
    np.testing.assert_array_equal(trained(binary_step), 0)
    np.testing.assert_allclose(trained(straight_through_binary_step), [0, 1, 1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(trained(arctan), 1 / (1 + X**2), rtol=1e-5)


@pytest.mark.parametrize(
    "function", [binary_step, straight_through_binary_step, arctan, very_leaky_relu]
)
def test_a_saved_model_keeps_it(tmp_path, function):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation=function)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].activation is function
