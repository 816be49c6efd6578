"""The gradient check itself accepts right gradients and rejects wrong ones."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.keras_ddl.layers.gradients import assert_gradients

X, Y = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


def test_right_gradients_pass():
    assert_gradients(lambda x, y: ops.tanh(x) * ops.exp(y), [X, Y])


def test_an_argument_without_influence_has_gradient_zero():
    assert_gradients(lambda x, y: ops.square(x), [X, Y])


@pytest.mark.parametrize("forgotten", [0, 1])
def test_the_error_for_a_forgotten_term_names_its_argument(forgotten):
    def function(*tensors):
        tensors = list(tensors)
        tensors[forgotten] = keras.ops.stop_gradient(tensors[forgotten])
        return tensors[0] * tensors[1]

    with pytest.raises(AssertionError, match=f"argument {forgotten} of shape"):
        assert_gradients(function, [X, Y])
