"""GhostBatchNormalization against NumPy and core's layer."""

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_ddl.layers import GhostBatchNormalization
from tests.keras_ddl.layers.normalization.reference import (
    run,
    sample,
    scramble,
    standardized,
    value,
)


def ghosts(batch, virtual):
    """The examples of each ghost batch."""
    count = -(-batch // virtual)
    return [np.arange(batch)[np.arange(batch) % count == i] for i in range(count)]


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 11), virtual=st.integers(1, 12), masked=st.booleans())
@example(batch=9, virtual=1, masked=True)  # a ghost batch between others is wholly masked
def test_each_ghost_batch_is_normalized_by_itself(batch, virtual, masked):
    """The batch may divide or not. Each ghost batch then updates the moving statistics in turn."""
    x = sample(batch, 3, 4, mean=2)
    mask = np.random.default_rng(batch).random((batch, 3)) < 0.7 if masked else np.ones((batch, 3))
    mask = mask.astype(bool)
    layer = scramble(GhostBatchNormalization(virtual, momentum=0.8), x.shape)
    mean, variance = value(layer.moving_mean), value(layer.moving_variance)
    parts = ghosts(batch, virtual)
    assert max(map(len, parts)) <= virtual
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    labels = np.empty(x.shape, int)
    for i, part in enumerate(parts):
        labels[part] = i * 4 + np.arange(4)
        seen = x[part][mask[part]].astype("float64")
        if len(seen):
            mean = 0.8 * mean + 0.2 * seen.mean(axis=0)
            variance = 0.8 * variance + 0.2 * seen.var(axis=0)
    expected = standardized(x, labels, layer.epsilon, mask[..., None])
    expected = expected * value(layer.gamma) + value(layer.beta)
    got = run(layer, x, True, mask if masked else None)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(value(layer.moving_mean), mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(value(layer.moving_variance), variance, rtol=1e-4, atol=1e-4)


def test_one_ghost_batch_is_batch_normalization():
    x = sample(6, 5, 4)
    ghost, core = (
        scramble(layer, x.shape)
        for layer in (GhostBatchNormalization(6), keras.layers.BatchNormalization())
    )
    for training in (True, False):
        np.testing.assert_allclose(
            run(ghost, x, training), run(core, x, training), rtol=1e-4, atol=1e-5
        )


def test_a_frozen_layer_uses_its_moving_statistics():
    x = sample(6, 4)
    layer = scramble(GhostBatchNormalization(2), x.shape)
    layer.trainable = False
    np.testing.assert_array_equal(run(layer, x, True), run(layer, x, False))


def test_fit_takes_a_last_batch_that_does_not_divide():
    model = keras.Sequential([keras.Input((3,)), GhostBatchNormalization(4), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = sample(19, 3, mean=5)
    model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0)  # batches of 8, 8 and 3
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    # Ten ghost batches have moved the mean towards 5 (8 -> 2, 8 -> 2, 3 -> 1, twice).
    moved = 5 * (1 - 0.99**10)
    np.testing.assert_allclose(value(model.layers[0].moving_mean), moved, rtol=0.15)


@pytest.mark.parametrize("size", [0, -2, 2.5, True, None])
def test_a_bad_size_is_refused(size):
    with pytest.raises(ValueError, match="`virtual_batch_size` must be a positive integer"):
        GhostBatchNormalization(size)


@pytest.mark.parametrize("options", [{"renorm": True}, {"synchronized": True}, {"axis": 0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` .*Received"):
        GhostBatchNormalization(4, **options)
