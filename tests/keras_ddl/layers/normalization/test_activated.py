"""FilterResponseNormalization, ThresholdedLinearUnit, EvoNorms and SwitchableNormalization."""

import keras
import numpy as np
import pytest

from keras_ddl.layers import (
    EvoNormB0,
    EvoNormS0,
    FilterResponseNormalization,
    SwitchableNormalization,
    ThresholdedLinearUnit,
)
from tests.keras_ddl.layers.normalization.reference import run, sample, scramble, value

SHAPE = (3, 4, 5, 6)
PIXELS = (1, 2)
MASK = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1]], bool)


def masked_moments(x, axes):
    """Mean and variance of each channel, over the positions that MASK keeps."""
    weight = np.broadcast_to(MASK[:, :, None, None], x.shape)
    mean = np.average(x, axis=axes, weights=weight, keepdims=True)
    return mean, np.average((x - mean) ** 2, axis=axes, weights=weight, keepdims=True)


def moments(x, axes, masked):
    x = x.astype("float64")
    if masked:
        return masked_moments(x, axes)
    return x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)


def check(layer, expected, x, training=None, masked=False):
    got = run(layer, x, training, MASK if masked else None)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_filter_responses(learned, masked):
    x = sample(*SHAPE, mean=1)
    layer = scramble(FilterResponseNormalization(epsilon=0.1, learned_epsilon=learned), SHAPE)
    if learned:
        layer.extra_epsilon.assign(-0.5)  # its absolute value counts
    mean, variance = moments(x, PIXELS, masked)
    root = np.sqrt(mean**2 + variance + 0.1 + 0.5 * learned)
    check(layer, x / root * value(layer.gamma) + value(layer.beta), x, masked=masked)


def test_the_learned_epsilon_starts_at_1e_4():
    layer = FilterResponseNormalization(learned_epsilon=True)
    layer.build((None, 3))
    assert value(layer.extra_epsilon) == pytest.approx(1e-4)


@pytest.mark.parametrize("axis", [-1, 1, (1, 3)])
def test_a_threshold_for_every_channel(axis):
    x = sample(*SHAPE)
    layer = scramble(ThresholdedLinearUnit(axis), SHAPE)
    axes = axis if isinstance(axis, tuple) else (axis % 4,)
    shape = [size if i in axes else 1 for i, size in enumerate(SHAPE)]
    tau = value(layer.tau).reshape(shape).astype("float32")
    np.testing.assert_array_equal(run(layer, x, None), np.maximum(x, tau))


def test_a_new_threshold_is_relu():
    x = sample(*SHAPE)
    np.testing.assert_array_equal(run(ThresholdedLinearUnit(), x, None), np.maximum(x, 0))


@pytest.mark.parametrize("masked", [False, True])
def test_evonorm_b0(masked):
    x = sample(*SHAPE, mean=1)
    layer = scramble(EvoNormB0(momentum=0.9), SHAPE)
    before = value(layer.moving_variance)
    _, batch = moments(x, (0, 1, 2), masked)
    _, instance = moments(x, PIXELS, masked)

    def expected(variance):
        other = value(layer.v) * x + np.sqrt(instance + layer.epsilon)
        divisor = np.maximum(np.sqrt(variance + layer.epsilon), other)
        return x / divisor * value(layer.gamma) + value(layer.beta)

    check(layer, expected(before), x, False, masked)
    check(layer, expected(batch), x, True, masked)
    after = 0.9 * before + 0.1 * batch.reshape(-1)
    np.testing.assert_allclose(value(layer.moving_variance), after, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_evonorm_s0(masked):
    x = sample(*SHAPE, mean=1)
    layer = scramble(EvoNormS0(channels_per_group=3), SHAPE)
    grouped = x.reshape(3, 4, 5, 2, 3).astype("float64")
    if masked:
        weight = np.broadcast_to(MASK[:, :, None, None, None], grouped.shape)
        mean = np.average(grouped, axis=(1, 2, 4), weights=weight, keepdims=True)
        variance = np.average((grouped - mean) ** 2, axis=(1, 2, 4), weights=weight, keepdims=True)
    else:
        variance = grouped.var(axis=(1, 2, 4), keepdims=True)
    swish = (x / (1 + np.exp(-value(layer.v) * x))).reshape(grouped.shape)
    expected = (swish / np.sqrt(variance + layer.epsilon)).reshape(SHAPE)
    check(layer, expected * value(layer.gamma) + value(layer.beta), x, masked=masked)


@pytest.mark.parametrize("masked", [False, True])
def test_a_mixture_of_three_normalizations(masked):
    x = sample(*SHAPE, mean=1)
    layer = scramble(SwitchableNormalization(momentum=0.9), SHAPE)
    moving = value(layer.moving_mean), value(layer.moving_variance)
    sources = [moments(x, axes, masked) for axes in (PIXELS, (1, 2, 3), (0, 1, 2))]

    def softmax(logits):
        return np.exp(value(logits)) / np.exp(value(logits)).sum()

    def expected(sources):
        mean = sum(w * m for w, (m, _) in zip(softmax(layer.mean_logits), sources, strict=True))
        shares = softmax(layer.variance_logits)
        variance = sum(w * v for w, (_, v) in zip(shares, sources, strict=True))
        normalized = (x - mean) / np.sqrt(variance + layer.epsilon)
        return normalized * value(layer.gamma) + value(layer.beta)

    check(layer, expected([*sources[:2], moving]), x, False, masked)
    check(layer, expected(sources), x, True, masked)
    for now, before, batch in zip(
        (layer.moving_mean, layer.moving_variance), moving, sources[2], strict=True
    ):
        after = 0.9 * before + 0.1 * batch.reshape(-1)
        np.testing.assert_allclose(value(now), after, rtol=1e-4)


@pytest.mark.parametrize(
    ("index", "same"),
    [(0, "instance"), (1, "layer"), (2, "batch")],
)
def test_with_a_share_of_1_it_equals_that_normalization(index, same):
    x = sample(*SHAPE, mean=1)
    layer = SwitchableNormalization()
    layer.build(SHAPE)
    for logits in (layer.mean_logits, layer.variance_logits):
        logits.assign(np.where(np.arange(3) == index, 50, 0))
    core = {
        "instance": keras.layers.GroupNormalization(-1),
        "layer": keras.layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False),
        "batch": keras.layers.BatchNormalization(),
    }[same]
    expected = run(core, x, True if same == "batch" else None)
    np.testing.assert_allclose(run(layer, x, True), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [EvoNormB0, SwitchableNormalization])
def test_frozen_layers_use_their_moving_statistics(kind):
    x = sample(*SHAPE)
    layer = scramble(kind(), SHAPE)
    layer.trainable = False
    np.testing.assert_array_equal(run(layer, x, True), run(layer, x, False))
    with pytest.raises(ValueError, match="`momentum` must be a number in"):
        kind(momentum=2)
