"""An ensemble averages over models and over draws of their random layers."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl import Population
from keras_ddl.population import Ensemble

X = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")


def build(seed=0, rate=0.5):
    keras.utils.set_random_seed(seed)
    hidden = [layers.BatchNormalization(), layers.Dropout(rate, seed=seed)]
    return keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(3)])


def predicted(model):
    return model.predict(X, verbose=0)


def test_draws_have_dropout_active_and_their_mean_is_the_plain_prediction():
    model = build()
    before = [ops.convert_to_numpy(v.value) for v in model.layers[0].variables]
    plain = predicted(model)
    drawn = predicted(Ensemble([model], draws=2))
    assert np.abs(drawn - plain).max() > 0.1
    # Every copy of an example has masks of its own. Dropout has no bias in a linear model.
    copies = Ensemble([model], draws=2).predict(np.repeat(X[:1], 4096, axis=0), verbose=0)
    np.testing.assert_allclose(copies.mean(axis=0), plain[0], atol=0.1)
    after = [ops.convert_to_numpy(v.value) for v in model.layers[0].variables]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)  # batch normalization runs as at inference
    np.testing.assert_array_equal(predicted(model), plain)


def test_without_dropout_all_draws_are_equal():
    population = Population(build, [{"seed": 0, "rate": 0.0}, {"seed": 1, "rate": 0.0}])
    one, several = (predicted(population.ensemble("softmax", draws)) for draws in (1, 3))
    np.testing.assert_allclose(one, several, atol=1e-6)


def test_dropout_within_recurrent_layers_is_active_too():
    keras.utils.set_random_seed(0)
    cell = layers.LSTM(4, dropout=0.5, seed=0)
    model = keras.Sequential([keras.Input((8,)), layers.Reshape((4, 2)), cell])
    assert np.abs(predicted(Ensemble([model], draws=2)) - predicted(model)).max() > 1e-3


def test_the_number_of_draws_is_saved(tmp_path):
    Ensemble([build()], "softmax", draws=4).save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").draws == 4


@pytest.mark.parametrize("draws", [0, -1, 1.5, None])
def test_bad_numbers_of_draws_are_refused(draws):
    with pytest.raises(ValueError, match=r"`draws` must .*Received: draws="):
        Ensemble([build()], draws=draws)
