"""ActivationStats against NumPy."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ddl.callbacks import ActivationStats

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def test_statistics_equal_those_by_hand():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(40, "relu", name="first"),
            layers.Dense(30, "tanh", kernel_initializer="random_normal", name="second"),
            layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse")
    stats = ActivationStats(X)
    logs = model.fit(X, X[:, :2], verbose=0, callbacks=[stats]).history
    kernel, bias = model.get_layer("first").get_weights()
    first = np.maximum(X @ kernel + bias, 0)
    kernel, bias = model.get_layer("second").get_weights()
    second = np.tanh(first @ kernel + bias)
    expected = {
        "activation_mean/first": first.mean(),
        "activation_std/first": first.std(),
        "activation_active/first": (first > 0).mean(),
        "activation_p50/first": np.percentile(first, 50),
        "activation_p85/first": np.percentile(first, 85),
        "activation_saturated/second": (np.abs(second) > 0.95).mean(),
        "activation_p15/second": np.percentile(second, 15),
    }
    for name, value in expected.items():
        assert logs[name][0] == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert "activation_saturated/first" not in logs
    assert stats.steps == [2]


def test_sigmoids_saturate_at_both_ends(classifier, blobs):
    model = classifier(activation="sigmoid")
    kernel, _ = model.get_layer("hidden").get_weights()
    bias = np.array([100.0] * 3 + [-100.0] * 2 + [0.0] * 6)
    model.get_layer("hidden").set_weights([0 * kernel, bias])
    stats = ActivationStats(X, layers=["hidden"])
    model.optimizer.learning_rate = 0.0
    model.fit(*blobs, verbose=0, callbacks=[stats])
    assert stats.history[0]["activation_saturated/hidden"] == pytest.approx(5 / 11)
    assert len(stats.history[0]) == 7


def test_weights_in_the_middle_of_an_epoch_are_seen(classifier, blobs):
    """The callback measures after batches 2, 4 and 6 of 6; the last one sees the final weights."""
    model = classifier()
    stats = ActivationStats(X, every=2, layers=["hidden"])
    model.fit(*blobs, batch_size=8, verbose=0, callbacks=[stats])
    assert stats.steps == [2, 4, 6]
    means = [entries["activation_mean/hidden"] for entries in stats.history]
    assert len(set(means)) == 3
    kernel, bias = model.get_layer("hidden").get_weights()
    assert means[-1] == pytest.approx(np.maximum(X @ kernel + bias, 0).mean(), rel=1e-4)


def test_an_unknown_layer_is_refused(classifier, blobs):
    stats = ActivationStats(X, layers=["hidden", "nowhere"])
    with pytest.raises(ValueError, match=r"`layers` must be names.*'output'.*Received: layers="):
        classifier().fit(*blobs, verbose=0, callbacks=[stats])
