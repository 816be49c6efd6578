"""RecurrentWeightNormalization: wrapping, training, states and removal."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.layers import RecurrentWeightNormalization, WeightNormalization

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
KINDS = [layers.SimpleRNN, layers.GRU, layers.LSTM]


@pytest.mark.parametrize(
    "kind", [KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])]
)
def test_wrapping_and_removing_change_nothing(kind):
    keras.utils.set_random_seed(0)
    plain = kind(2)
    expected = ops.convert_to_numpy(plain(X))
    layer = RecurrentWeightNormalization(plain)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), expected, atol=1e-6)
    model = keras.Sequential([keras.Input((5, 3)), layer])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(X, np.ones((4, 2)), epochs=2, verbose=0)
    trained = ops.convert_to_numpy(layer(X))
    assert np.abs(trained - expected).max() > 1e-3
    np.testing.assert_allclose(ops.convert_to_numpy(layer.remove()(X)), trained, atol=1e-6)


def test_the_length_of_the_weights_is_g():
    layer = RecurrentWeightNormalization(layers.GRU(2))
    layer.build((None, 5, 3))
    for weight in layer.trainable_weights:
        if weight.name in {"g", "recurrent_g"}:
            value = 2.0 if weight.name == "g" else 3.0
            weight.assign(np.full(weight.shape, value, "float32"))
    for kernel, value in zip(layer.effective_kernels().values(), (2.0, 3.0), strict=True):
        norms = np.linalg.norm(ops.convert_to_numpy(kernel), axis=0)
        np.testing.assert_allclose(norms, value, rtol=1e-5)


def test_states_and_initial_states_pass_through():
    plain = layers.LSTM(2, stateful=True, return_state=True)
    layer = RecurrentWeightNormalization(plain)
    first = [ops.convert_to_numpy(one) for one in layer(X)]
    for state, expected in zip(plain.states, first[1:], strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(state), expected)
    assert np.abs(ops.convert_to_numpy(layer(X)[0]) - first[0]).max() > 1e-4
    plain.reset_state()
    again = layer(X, initial_state=[np.zeros((4, 2), "float32")] * 2)
    np.testing.assert_allclose(ops.convert_to_numpy(again[0]), first[0], atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"wraps SimpleRNN, GRU, LSTM.*Received: layer="):
        RecurrentWeightNormalization(layers.Dense(2))
    with pytest.raises(ValueError, match="layers use RecurrentWeightNormalization"):
        WeightNormalization(layers.LSTM(2))
