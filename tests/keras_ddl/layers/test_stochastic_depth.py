"""StochasticDepth: branches kept and dropped, for the batch or each example."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.layers import StochasticDepth

SHORTCUT = np.full((500, 2, 3), 10.0, "float32")
RESIDUAL = np.random.default_rng(0).uniform(1, 2, SHORTCUT.shape).astype("float32")


def apply(layer, *inputs, training=True):
    tensors = [ops.convert_to_tensor(one) for one in inputs]
    out = layer(tensors if len(tensors) > 1 else tensors[0], training=training)
    return ops.convert_to_numpy(out)


def test_inference_adds_the_expected_residual():
    out = apply(StochasticDepth(0.25), SHORTCUT, RESIDUAL, training=False)
    np.testing.assert_allclose(out, SHORTCUT + 0.25 * RESIDUAL, rtol=1e-6)


def test_examples_keep_or_drop_the_whole_branch():
    layer = StochasticDepth(0.8, sampling="example", seed=1)
    added = apply(layer, SHORTCUT, RESIDUAL) - SHORTCUT
    kept = (added != 0).any(axis=(1, 2))
    np.testing.assert_allclose(added, RESIDUAL * kept[:, None, None], atol=1e-5)
    assert kept.mean() == pytest.approx(0.8, abs=0.06)


def test_a_batch_keeps_or_drops_the_branch_together():
    layer, kept = StochasticDepth(0.5, seed=2), []
    for _ in range(30):
        out = apply(layer, RESIDUAL)
        kept.append(bool(out.any()))
        np.testing.assert_array_equal(out, RESIDUAL * kept[-1])
    assert 5 <= sum(kept) <= 25


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_certain_branches(probability):
    for sampling in ("batch", "example"):
        layer = StochasticDepth(probability, sampling)
        for training in (False, True):
            out = apply(layer, SHORTCUT, RESIDUAL, training=training)
            np.testing.assert_array_equal(out, SHORTCUT + probability * RESIDUAL)


def test_the_pair_in_a_model_with_its_mask():
    inputs = keras.Input((None, 3))
    masked = keras.layers.Masking()(inputs)
    out = StochasticDepth(0.5)([masked, keras.layers.Dense(3)(masked)])
    assert out.shape == (None, None, 3)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(out))
    x = np.ones((1, 3, 3), "float32")
    x[:, 2] = 0
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(x)), ops.convert_to_numpy(model(x[:, :2])), rtol=1e-6
    )


@pytest.mark.parametrize("value", [-0.1, 1.5, "half", None, True])
def test_a_bad_probability_is_refused(value):
    with pytest.raises(ValueError, match=r"`survival_probability` must be a number in .*Received:"):
        StochasticDepth(value)


def test_another_sampling_is_refused():
    with pytest.raises(ValueError, match=r"`sampling` must be one of 'batch', 'example'. Received"):
        StochasticDepth(sampling="unit")


def test_a_dictionary_is_refused():
    x = np.ones((2, 3), "float32")
    with pytest.raises(ValueError, match=r"`inputs` must be .*Received: a dict of 2"):
        StochasticDepth(0.5)({"a": x, "b": x})


def test_other_than_a_pair_is_refused():
    with pytest.raises(ValueError, match=r"`inputs` must be a residual branch.*a list of 3"):
        StochasticDepth()([RESIDUAL] * 3)


def test_integers_are_scaled_like_floats():
    shortcut, residual = np.full((4, 3), 3, "int32"), np.full((4, 3), 5, "int32")
    out = apply(StochasticDepth(0.5), shortcut, residual, training=False)
    np.testing.assert_allclose(out, 5.5)
