"""Averages of forward passes with dropout."""

import keras
import numpy as np
import pytest

from keras_ddl import mc_predict
from keras_ddl.layers import DropConnect, VariableDropout
from keras_ddl.monte_carlo import mc_samples

ONES = np.ones((7, 40), "float32")


def dropped(layer, after=()):
    return keras.Sequential([keras.Input((40,)), layer, *after])


LAYERS = [
    lambda: keras.layers.Dropout(0.5, seed=1),
    lambda: VariableDropout(0.5, seed=1),
    lambda: keras.layers.GaussianDropout(0.5, seed=1),
]


@pytest.mark.parametrize("make", LAYERS)
def test_mean_and_spread_are_those_of_dropout(make):
    mean, spread = mc_predict(dropped(make()), ONES, samples=200, batch_size=4)
    assert mean.shape == spread.shape == ONES.shape
    # Kept with probability 1/2 and scaled by 2: the mean is 1, and so is the standard deviation.
    assert mean.mean() == pytest.approx(1, abs=0.05)
    assert spread.mean() == pytest.approx(1, abs=0.1)


def test_mean_and_spread_are_over_the_samples():
    model = dropped(keras.layers.Dropout(0.5, seed=3))
    drawn = np.stack([*mc_samples(model, ONES, 5)])
    model = dropped(keras.layers.Dropout(0.5, seed=3))
    mean, spread = mc_predict(model, ONES, 5)
    np.testing.assert_allclose(mean, drawn.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(spread, drawn.std(axis=0), atol=1e-12)


def test_batch_normalization_runs_as_at_inference():
    norm = keras.layers.BatchNormalization(epsilon=1e-6)
    model = dropped(DropConnect(keras.layers.Dense(3), seed=1), [norm])
    before = [np.array(value) for value in norm.get_weights()]
    mean, _ = mc_predict(model, 5 * ONES, samples=3)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.abs(mean).max() > 0  # statistics of a batch of equal inputs would be near 0
    assert model(ONES, training=False).shape == (7, 3)


def test_later_calls_draw_other_numbers_and_inference_stays_without_dropout():
    model = dropped(keras.layers.Dropout(0.5, seed=1))
    first, second = (mc_predict(model, ONES, samples=1)[0] for _ in range(2))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(model.predict(ONES, verbose=0), ONES)


def test_the_activation_is_applied_before_averaging():
    model = dropped(keras.layers.Dropout(0.5, seed=1))
    mean, _ = mc_predict(model, ONES, samples=4, activation="softmax")
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-5)


def test_a_model_without_random_layers_is_refused():
    with pytest.raises(ValueError, match="Received: model="):
        mc_predict(dropped(keras.layers.Dense(2)), ONES)
    with pytest.raises(ValueError, match="`samples` must be a positive integer"):
        mc_predict(dropped(keras.layers.Dropout(0.5)), ONES, samples=0)
