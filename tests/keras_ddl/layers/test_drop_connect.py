"""DropConnect: which weights are dropped, for whom, and what is refused."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.layers import DropConnect
from keras_ddl.layers._masks import portable_mask, random_mask


def apply(layer, x, training=True):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


def ones(units):
    """A dense layer of weights 1: its output counts the weights that are kept."""
    return layers.Dense(units, kernel_initializer="ones", bias_initializer="ones")


@pytest.mark.parametrize("sampling", ["example", "batch"])
@pytest.mark.parametrize("rate", [0.25, 0.9])
def test_a_share_of_weights_and_biases_is_dropped_and_the_mean_kept(sampling, rate):
    layer = DropConnect(ones(2000), rate, sampling, seed=1)
    kept = apply(layer, np.ones((5, 9), "float32")) * (1 - rate)  # of nine weights and a bias
    np.testing.assert_allclose(kept, np.round(kept), atol=1e-4)
    assert kept.max() <= 10.001
    assert kept.mean() == pytest.approx(10 * (1 - rate), rel=0.05)
    biases = apply(layer, np.zeros((1, 9), "float32"))
    assert np.mean(biases == 0) == pytest.approx(rate, abs=0.05)


@pytest.mark.parametrize(("sampling", "same"), [("example", False), ("batch", True)])
@pytest.mark.parametrize(
    ("wrapped", "shape"),
    [
        (layers.Dense(64), (5,)),
        (layers.Dense(64), (2, 5)),
        (layers.Conv1D(8, 3, padding="causal"), (4, 5)),
        (layers.Conv2D(8, 3), (4, 4, 3)),
    ],
    ids=["dense", "dense over steps", "conv1d", "conv2d"],
)
def test_examples_have_separate_masks_or_share_one(wrapped, shape, sampling, same):
    layer = DropConnect(type(wrapped).from_config(wrapped.get_config()), sampling=sampling, seed=2)
    x = np.broadcast_to(np.random.default_rng(0).normal(size=shape), (2, *shape)).astype("float32")
    first, second = apply(layer, x)
    assert np.allclose(first, second, atol=1e-5) == same


CONVOLUTIONS = [
    (layers.Conv1D, {"kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (7, 3)),
    (layers.Conv2D, {"kernel_size": (3, 2), "strides": (1, 2), "padding": "same"}, (5, 4, 3)),
    (layers.Conv2D, {"kernel_size": 2, "dilation_rate": 2, "use_bias": False}, (5, 4, 3)),
    (layers.Conv3D, {"kernel_size": 2}, (3, 3, 3, 2)),
]


@pytest.mark.parametrize(("kind", "options", "shape"), CONVOLUTIONS)
def test_a_mask_per_example_computes_the_convolution(kind, options, shape):
    """With so small a rate that nothing is dropped, it is the wrapped layer."""
    layer = DropConnect(kind(4, activation="tanh", **options), rate=1e-7, seed=3)
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    np.testing.assert_allclose(apply(layer, x), apply(layer, x, training=False), atol=1e-5)


@pytest.mark.parametrize("sampling", ["example", "batch"])
def test_at_inference_and_at_rate_0_it_is_the_wrapped_layer(sampling):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    dense = layers.Dense(5, activation="relu")
    plain = apply(dense, x)
    np.testing.assert_array_equal(apply(DropConnect(dense, 0.5, sampling), x, False), plain)
    np.testing.assert_array_equal(apply(DropConnect(dense, 0.0, sampling), x, True), plain)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, "half", None, True])
def test_a_bad_rate_is_refused(rate):
    with pytest.raises(ValueError, match=r"`rate` must be .*Received: rate="):
        DropConnect(layers.Dense(2), rate)


def test_another_sampling_is_refused():
    with pytest.raises(
        ValueError, match=r"`sampling` must be one of 'example', 'normal', 'batch'. Received"
    ):
        DropConnect(layers.Dense(2), sampling="unit")


@pytest.mark.parametrize(
    "wrapped",
    [
        layers.DepthwiseConv2D(2),
        layers.Conv2DTranspose(2, 2),
        layers.Conv2D(4, 2, groups=2),
        layers.Dense(2, activity_regularizer=keras.regularizers.L2()),
    ],
    ids=lambda wrapped: wrapped.name,
)
def test_masks_per_example_are_refused_where_they_are_not_supported(wrapped):
    with pytest.raises(ValueError, match=r'use `sampling="batch"` for other.*Received: layer='):
        DropConnect(wrapped)
    DropConnect(wrapped, sampling="batch")


@pytest.mark.parametrize(
    ("wrapped", "shape"),
    [(layers.Dense(3), (40,)), (layers.Conv2D(3, 3, padding="same"), (4, 4, 5))],
    ids=["dense", "conv2d"],
)
def test_the_normal_distribution_has_the_moments_of_masks(wrapped, shape):
    x = np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")
    many = np.repeat(x, 4000, axis=0)
    found = []
    for sampling in ("example", "normal"):
        layer = type(wrapped).from_config({**wrapped.get_config(), "bias_initializer": "ones"})
        layer = DropConnect(layer, 0.3, sampling, seed=1)
        layer.build(x.shape)
        kernel, bias = layer.get_weights()[:2]
        kernel = np.random.default_rng(1).normal(size=kernel.shape)
        layer.layer.set_weights([kernel, bias])
        drawn = apply(layer, many)
        found.append((drawn.mean(axis=0), drawn.std(axis=0)))
    (mean, spread), (normal_mean, normal_spread) = found
    np.testing.assert_allclose(normal_mean, mean, atol=0.15 * spread.max())
    np.testing.assert_allclose(normal_spread, spread, rtol=0.1)


def test_inference_averages_activations_over_draws():
    x = np.random.default_rng(0).normal(size=(2, 200)).astype("float32")
    dense = layers.Dense(100, activation="relu")
    drawn = DropConnect(dense, 0.5, seed=1, inference_samples=50)
    trained = apply(drawn, np.repeat(x, 50, axis=0)).reshape(2, 50, 100).mean(axis=1)
    found = apply(drawn, x, training=False)
    assert np.sqrt(np.square(found - trained).mean()) < 0.25  # about .15 by chance
    assert found.mean() == pytest.approx(trained.mean(), rel=0.05)
    # ReLU of the mean weights is lower than the mean of ReLU.
    plain = apply(DropConnect(dense, 0.5), x, training=False)
    assert plain.mean() < 0.95 * found.mean()


@pytest.mark.parametrize("count", [0, 1.5, True])
def test_a_bad_number_of_draws_is_refused(count):
    with pytest.raises(ValueError, match="`inference_samples` must be a positive integer or None"):
        DropConnect(layers.Dense(2), inference_samples=count)


@pytest.mark.parametrize("mask", [random_mask, portable_mask])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_masks_have_their_rate(mask, rate):
    generator = keras.random.SeedGenerator(3)
    first, second = (ops.convert_to_numpy(mask((301, 99), rate, generator)) for _ in range(2))
    assert first.dtype == bool
    assert first.shape == (301, 99)
    assert 1 - first.mean() == pytest.approx(rate, abs=0.012)
    assert (first != second).any() == (rate > 0)


def test_other_layers_are_refused():
    with pytest.raises(ValueError, match=r"DropConnect wraps Dense.*Received: layer="):
        DropConnect(layers.ReLU())
