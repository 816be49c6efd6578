"""Activation functions with trained or random slopes, against their equations."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.graph import own_activation
from keras_ddl.layers import PELU, FilterResponseNormalization, RReLU, SReLU, ThresholdedLinearUnit

X = np.random.default_rng(0).normal(0, 3, (50, 4, 3)).astype("float32")


def apply(layer, x=X, training=False):
    options = {"training": training} if isinstance(layer, RReLU) else {}
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), **options))


def weighted(layer, **values):
    """The layer with these weights, one value for each of three channels."""
    layer.build(X.shape)
    for name, value in values.items():
        getattr(layer, name).assign(np.array(value, "float32"))
    return layer


def test_pelu():
    alpha, beta = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.3, 3.0])
    expected = np.where(X > 0, alpha / beta * X, alpha * np.expm1(X / beta))
    layer = weighted(PELU(), alpha=alpha, beta=beta)
    np.testing.assert_allclose(apply(layer), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(apply(PELU()), ops.convert_to_numpy(ops.elu(X)), atol=1e-6)


def test_pelu_keeps_its_weights_away_from_zero():
    layer = PELU()
    model = keras.Sequential([keras.Input((4, 3)), layer])
    layer.beta.assign(np.full(3, 0.11))
    model.compile(keras.optimizers.SGD(100.0), "mse")
    model.fit(X, X + 5, verbose=0)
    assert min(ops.convert_to_numpy(weight.value).min() for weight in layer.weights) >= 0.0999
    assert PELU(beta_constraint=None).beta_constraint is None


def test_large_numbers_have_finite_gradients_in_pelu():
    layer = PELU()
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(1e-9), "mse")
    model.fit(np.full((2, 1), 1000.0), np.zeros((2, 1)), verbose=0)
    assert np.isfinite(model.get_weights()).all()


def test_srelu():
    left, slope, distance, up = (
        np.array(v) for v in ([-1, 0, 1], [0.1, 0, 2], [2, -3, 0], [0, 1, 2])
    )
    right = left + np.abs(distance)
    expected = np.select(
        [left >= X, right <= X], [left + slope * (X - left), right + up * (X - right)], X
    )
    layer = weighted(SReLU(), t_left=left, a_left=slope, t_right=distance, a_right=up)
    np.testing.assert_allclose(apply(layer), expected, rtol=1e-5, atol=1e-5)


def test_rrelu_draws_slopes_in_training_and_has_their_mean_at_inference():
    layer = RReLU(0.1, 0.5, seed=3)
    np.testing.assert_allclose(apply(layer), np.where(X > 0, X, 0.3 * X), rtol=1e-5)
    slopes = (apply(layer, training=True) / X)[X < 0]
    assert 0.0999 <= slopes.min() < 0.12
    assert 0.48 < slopes.max() <= 0.5001
    np.testing.assert_array_equal(apply(layer, training=True)[X > 0], X[X > 0])


def test_the_affine_threshold():
    layer = weighted(ThresholdedLinearUnit(affine=True), tau=[0, 1, -1], alpha=[0.5, -1, 0])
    expected = np.maximum(X, np.array([0.5, -1, 0]) * X + np.array([0, 1, -1]))
    np.testing.assert_allclose(apply(layer), expected, rtol=1e-5, atol=1e-6)


def test_the_learned_epsilon_has_a_constraint():
    layer = FilterResponseNormalization(learned_epsilon=True, learned_epsilon_constraint="non_neg")
    layer.build(X.shape)
    assert isinstance(layer.extra_epsilon.constraint, keras.constraints.NonNeg)
    twin = FilterResponseNormalization.from_config(layer.get_config())
    assert isinstance(twin.learned_epsilon_constraint, keras.constraints.NonNeg)


@pytest.mark.parametrize("make", [PELU, SReLU, RReLU, ThresholdedLinearUnit])
def test_they_count_as_activations(make):
    layer = make()
    assert own_activation(layer) is layer


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lower": "0.1"}, "`lower` must be a number. Received: lower='0.1'"),
        ({"upper": float("nan")}, "`upper` must be a number. Received: upper=nan"),
        ({"lower": 0.5}, "`upper` must be at least `lower`. Received: lower=0.5, upper=0.33"),
    ],
)
def test_bad_slopes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RReLU(**options)
