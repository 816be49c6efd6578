"""Stochastic pooling, against its definition region by region."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_ddl.layers import StochasticPooling1D, StochasticPooling2D

# JAX compiles every operation anew for every shape.
EXAMPLES = 4 if keras.backend.backend() == "jax" else 20


def apply(layer, x, training=True):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


def regions(x, window, strides, padding):
    """The activations of each region, by region: a list of rows of arrays (batch, n, channels)."""
    starts = []
    for size, length, stride in zip(x.shape[1:3], window, strides, strict=True):
        if padding == "same":
            count = -(-size // stride)
            before = max((count - 1) * stride + length - size, 0) // 2
        else:
            count, before = (size - length) // stride + 1, 0
        starts.append([(i * stride - before, i * stride - before + length) for i in range(count)])
    return [
        [
            x[:, max(top, 0) : bottom, max(left, 0) : right].reshape(len(x), -1, x.shape[-1])
            for left, right in starts[1]
        ]
        for top, bottom in starts[0]
    ]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same"]),
)
def test_windows_strides_and_padding(size, window, strides, padding):
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(2, *size, 3)), 0).astype("float32")
    layer = StochasticPooling2D(window, strides, padding, seed=1)
    drawn, expected = apply(layer, x), apply(layer, x, training=False)
    assert drawn.shape == layer.compute_output_shape(x.shape)
    for i, row in enumerate(regions(x, window, strides, padding)):
        for j, region in enumerate(row):
            total = region.sum(axis=1)
            mean = np.square(region).sum(axis=1) / np.where(total > 0, total, 1)
            np.testing.assert_allclose(expected[:, i, j], mean, rtol=1e-5)
            one_of_them = (region == drawn[:, i, j][:, None]).any(axis=1)
            assert (one_of_them & ((drawn[:, i, j] > 0) == (total > 0))).all()


def test_activations_are_drawn_in_proportion_to_themselves():
    region = np.array([1, 4, 0, 3], "float32")
    x = np.broadcast_to(region.reshape(1, 2, 2, 1), (20_000, 2, 2, 1))
    drawn = apply(StochasticPooling2D(2, seed=1), x)
    for value in (0, 1, 3, 4):
        assert np.mean(drawn == value) == pytest.approx(value / 8, abs=0.015)


def test_sequences_are_pooled_along_their_steps():
    x = np.array([[[1.0, 0], [3, 0], [0, 5], [0, 5], [9, 9]]], "float32")
    layer = StochasticPooling1D(2, seed=1)
    np.testing.assert_allclose(apply(layer, x, training=False), [[[2.5, 0], [0, 5]]])
    drawn = apply(layer, x)
    assert drawn[0, 0, 0] in {1, 3}
    np.testing.assert_array_equal(drawn[0, :, 1], [0, 5])


def test_what_is_below_zero_counts_as_zero():
    x = np.array([[[-1.0], [2.0], [-3.0], [-4.0]]], "float32")
    for training in (False, True):
        np.testing.assert_array_equal(apply(StochasticPooling1D(2), x, training), [[[2], [0]]])


@pytest.mark.parametrize("scale", [1e19, 1e-25, 1e37])
def test_activations_of_any_size_are_pooled(scale):
    """Squares of these leave the range of float32, and the sum of the last ones does."""
    x = (scale * np.array([1.0, 2.0, 0.0, 30.0])).astype("float32").reshape(1, 2, 2, 1)
    layer = StochasticPooling2D(2, seed=1)
    expected = scale * (1 + 4 + 900) / 33
    np.testing.assert_allclose(apply(layer, x, training=False).ravel(), [expected], rtol=1e-6)
    drawn = {float(apply(layer, x)[0, 0, 0, 0]) for _ in range(20)}
    assert drawn <= set(x.ravel().tolist()) - {0.0}


def test_large_float16_activations_stay_finite():
    x = np.full((1, 4, 1), 1000.0, "float16")
    np.testing.assert_array_equal(apply(StochasticPooling1D(2, dtype="float16"), x, False), 1000)


@pytest.mark.parametrize(
    ("kind", "shape"), [(StochasticPooling1D, (4, 3)), (StochasticPooling2D, (4, 4, 3))]
)
def test_bad_arguments_are_refused_by_name(kind, shape):
    with pytest.raises(ValueError, match=r"`?pool_size`?.*[Rr]eceived"):
        kind(0)
    with pytest.raises(ValueError, match=r"`?padding`?.*[Rr]eceived"):
        kind(2, padding="wide")(
            keras.Input((4,) * (1 if kind is StochasticPooling1D else 2) + (3,))
        )
