"""DropBlock2D: squares, how many of them, and on which scale."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_ddl.layers import DropBlock2D

# JAX compiles every operation anew for every shape.
EXAMPLES = 4 if keras.backend.backend() == "jax" else 20


def apply(layer, x, training=True):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    side=st.integers(1, 10),
    rate=st.floats(0.05, 0.6),
)
def test_what_is_lost_is_a_union_of_squares(rows, columns, side, rate):
    """Sides longer than the map are cut to it."""
    kept = apply(DropBlock2D(rate, side, seed=1), np.ones((2, rows, columns, 2), "float32")) != 0
    height, width = min(side, rows), min(side, columns)
    covered = np.zeros_like(kept)
    for i in range(rows - height + 1):
        for j in range(columns - width + 1):
            square = (slice(None), slice(i, i + height), slice(j, j + width))
            lost = ~kept[square].any(axis=(1, 2), keepdims=True)
            covered[square] |= lost
    np.testing.assert_array_equal(covered, ~kept)


@pytest.mark.parametrize(("rate", "side"), [(0.1, 7), (0.1, 3), (0.3, 1)])
def test_about_a_share_is_lost_and_each_example_keeps_its_mean(rate, side):
    out = apply(DropBlock2D(rate, side, seed=1), np.ones((100, 20, 20, 8), "float32"))
    # Squares overlap: of n chances at a share of rate / n, all miss with 1 - rate + rate^2 / 2.
    assert np.mean(out == 0) == pytest.approx(rate if side == 1 else 1 - np.exp(-rate), abs=0.008)
    np.testing.assert_allclose(out.mean(axis=(1, 2, 3)), 1, rtol=1e-5)


def test_rectangles():
    x = np.ones((20, 12, 12, 4), "float32")
    kept = apply(DropBlock2D(0.1, (1, 4), seed=1), x) != 0
    runs = [len(run) for row in kept.transpose(0, 1, 3, 2).reshape(-1, 12) for run in lost(row)]
    assert min(runs) == 4
    columns = kept.transpose(0, 2, 3, 1).reshape(-1, 12)
    assert min(len(run) for column in columns for run in lost(column)) == 1
    assert np.mean(~kept) == pytest.approx(0.1, abs=0.01)


def lost(line):
    """The runs of dropped units in a line."""
    return [run for run in "".join("01"[int(one)] for one in line).split("1") if run]


def test_channels_and_examples_lose_different_squares():
    kept = apply(DropBlock2D(0.3, 3, seed=1), np.ones((2, 8, 8, 2), "float32")) != 0
    assert (kept[0] != kept[1]).any()
    assert (kept[..., 0] != kept[..., 1]).any()


def test_inference_and_rate_0_return_the_input():
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype("float32")
    np.testing.assert_array_equal(apply(DropBlock2D(0.5, 3), x, training=False), x)
    np.testing.assert_array_equal(apply(DropBlock2D(0.0, 3), x), x)


def test_an_example_that_loses_everything_is_zero():
    x = np.ones((4, 3, 3, 1), "float32")
    np.testing.assert_array_equal(apply(DropBlock2D(1.0, 3), x), 0)


def test_the_rate_changes_between_calls():
    layer, x = DropBlock2D(0.0, 2, seed=1), np.ones((2, 6, 6, 2), "float32")
    assert apply(layer, x).all()
    layer.rate = 0.5
    assert not apply(layer, x).all()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"rate": 1.5}, "rate"),
        ({"rate": 0.1, "block_size": 0}, "block_size"),
        ({"rate": 0.1, "block_size": 2.5}, "block_size"),
        ({"rate": 0.1, "data_format": "NCHW"}, "data_format"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}="):
        DropBlock2D(**arguments)
