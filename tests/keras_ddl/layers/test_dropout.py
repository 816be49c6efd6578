"""VariableDropout: dropout whose rate can change in a compiled model."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_ddl.layers import VariableDropout


def apply(layer, x, training=True):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


def test_inference_returns_the_input():
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    np.testing.assert_array_equal(apply(VariableDropout(0.7), x, training=False), x)


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_training_zeroes_a_share_and_keeps_the_mean(rate):
    out = apply(VariableDropout(rate, seed=1), np.ones((400, 500), "float32"))
    assert np.mean(out == 0) == pytest.approx(rate, abs=0.005)
    assert out.mean() == pytest.approx(1.0, abs=0.03)
    np.testing.assert_allclose(out[out != 0], 1 / (1 - rate), rtol=1e-6)


def test_rate_1_drops_everything_without_nan():
    np.testing.assert_array_equal(apply(VariableDropout(1.0), np.ones((3, 3), "float32")), 0)


def test_calls_draw_fresh_masks():
    layer, x = VariableDropout(0.5, seed=2), np.ones((8, 8), "float32")
    assert (apply(layer, x) != apply(layer, x)).any()


def test_one_seed_gives_one_stream():
    x = np.ones((8, 8), "float32")
    masks = [apply(VariableDropout(0.5, seed=3), x) for _ in range(2)]
    np.testing.assert_array_equal(*masks)


@settings(max_examples=20, deadline=None)
@given(low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_unit_kept_at_a_high_rate_is_kept_at_every_lower_one(low, high):
    low, high = sorted((low, high))
    x = np.ones((16, 16), "float32")
    kept_low, kept_high = (apply(VariableDropout(r, seed=4), x) != 0 for r in (low, high))
    assert (kept_low | ~kept_high).all()


def test_the_rate_changes_in_a_compiled_model():
    layer = VariableDropout(0.0, seed=5)
    model = keras.Sequential(
        [keras.Input((50,)), keras.layers.Dense(50, kernel_initializer="identity"), layer]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.ones((64, 50), "float32")
    loss_before = model.train_on_batch(x, x)
    layer.rate = 1.0
    loss_after = model.train_on_batch(x, x)
    assert float(loss_before) == pytest.approx(0.0, abs=1e-6)
    assert float(loss_after) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1.5, "half", None, True, float("nan")])
def test_a_bad_rate_is_refused_at_construction_and_at_assignment(rate):
    with pytest.raises(ValueError, match=r"`rate` must be a number in .*Received: rate="):
        VariableDropout(rate)
    layer = VariableDropout(0.5)
    with pytest.raises(ValueError, match=r"`rate` must be a number in"):
        layer.rate = rate
    assert layer.rate == 0.5


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_output_dtype_follows_the_policy(dtype):
    layer = VariableDropout(0.5, dtype=dtype)
    out = layer(np.ones((2, 3)), training=True)
    assert keras.backend.standardize_dtype(out.dtype) == layer.compute_dtype


def test_survives_saving_with_a_changed_rate(tmp_path):
    layer = VariableDropout(0.2, seed=6)
    model = keras.Sequential([keras.Input((None, 3)), layer])
    layer.rate = 0.75
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[0]
    assert (loaded.rate, loaded.seed) == (0.75, 6)


def test_the_mask_takes_the_noise_shape():
    layer = VariableDropout(0.5, seed=7, noise_shape=(None, 1, 3))
    out = apply(layer, np.ones((40, 5, 3), "float32"))
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], out.shape))
    assert set(np.unique(out)) == {0, 2}
    assert (out[:, 0] != out[:, 0, :1]).any()


@pytest.mark.parametrize("noise_shape", [3, (None, 0), ("1",), (True,)])
def test_a_bad_noise_shape_is_refused(noise_shape):
    with pytest.raises(ValueError, match=r"`noise_shape` must be .*Received: noise_shape="):
        VariableDropout(0.5, noise_shape=noise_shape)


def test_masks_pass_through():
    """Pooling after it averages over the two steps that are not masked."""
    embed = keras.layers.Embedding(5, 4, mask_zero=True)
    model = keras.Sequential([embed, VariableDropout(0.5), keras.layers.GlobalAveragePooling1D()])
    tokens = np.array([[1, 2, 0]])
    expected = ops.convert_to_numpy(embed(tokens))[:, :2].mean(axis=1)
    np.testing.assert_allclose(ops.convert_to_numpy(model(tokens)), expected, rtol=1e-6)
