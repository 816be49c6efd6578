"""The residual networks of the experiments, and how they are normalized."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.harness.seeds import derive
from benchmarks.networks import norms
from benchmarks.networks.resnet import Norm, batch_norm, resnet
from keras_ddl import layers as ours

seeds = functools.partial(derive, 0)
NAMES = ("BN", "GhostBN", "GN", "GN+WS", "LN", "IN", "FRN", "none")
PARAMS = {"batch_momentum": 0.9, "ghost_size": 2, "groups": 2}


def tiny(norm, **options):
    return resnet((8, 8, 1), 3, norm, seeds=seeds, widths=(4, 8), blocks=1, **options)


def of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_resnet_20_is_the_published_network():
    model = resnet((32, 32, 3), 10, batch_norm(), seeds=seeds)
    kernels = [w for w in model.trainable_weights if w.path.endswith("kernel")]
    assert len(kernels) == 20 + 2  # and two projections
    # The published .27 million weights, and the weights of the projections: 16 x 32 + 32 x 64.
    assert sum(int(np.prod(kernel.shape)) for kernel in kernels) == 268_336 + 2_560
    assert len(of(model, keras.layers.BatchNormalization)) == 21
    shapes = [layer.output.shape[1:] for layer in of(model, keras.layers.Add)]
    assert shapes == [(32, 32, 16)] * 3 + [(16, 16, 32)] * 3 + [(8, 8, 64)] * 3


@pytest.mark.parametrize("name", NAMES)
def test_residual_branches_start_as_zero(name):
    model = tiny(norms.make({"norm": name, **PARAMS}))
    added = of(model, keras.layers.Add)
    branches = keras.Model(model.inputs[0], [layer.input[1] for layer in added])
    images = np.random.default_rng(0).random((4, 8, 8, 1), "float32")
    for branch in branches(images):
        np.testing.assert_array_equal(ops.convert_to_numpy(branch), 0)


def test_all_normalizations_start_from_the_same_kernels():
    first, *others = (tiny(norms.make({"norm": name, **PARAMS})) for name in ("BN", "IN", "FRN"))
    kernels = [w for w in first.trainable_weights if w.path.endswith("kernel")]
    assert len({float(ops.sum(kernel)) for kernel in kernels}) == len(kernels)
    for other in others:
        same = [w for w in other.trainable_weights if w.path.endswith("kernel")]
        for a, b in zip(kernels, same, strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


@pytest.mark.parametrize(
    ("params", "divisions"),
    [
        ({"norm": "GN", "groups": 2}, {4: (2, 2), 8: (2, 4)}),
        ({"norm": "GN", "groups": 8}, {4: (4, 1), 8: (8, 1)}),  # at most the channels
        ({"norm": "GN", "channels_per_group": 8}, {4: (1, 4), 8: (1, 8)}),
        ({"norm": "LN"}, {4: (1, 4), 8: (1, 8)}),
        ({"norm": "IN"}, {4: (4, 1), 8: (8, 1)}),
    ],
)
def test_groups(params, divisions):
    for layer in of(tiny(norms.make(params)), ours.GroupNormalization):
        channels = layer.output.shape[-1]
        groups = layer.groups if layer.channels_per_group is None else None
        groups = groups or channels // layer.channels_per_group
        assert (groups, channels // groups) == divisions[channels]


def test_a_normalization_decides_activation_wrapper_and_bias():
    assert of(tiny(norms.make({"norm": "GN+WS", **PARAMS})), ours.WeightStandardization)
    frn = tiny(norms.make({"norm": "FRN"}))
    assert of(frn, ours.ThresholdedLinearUnit)
    assert not of(frn, keras.layers.ReLU)
    bare = tiny(Norm(None))
    assert all(layer.use_bias for layer in of(bare, keras.layers.Conv2D))
    pooled = tiny(Norm(None), pool=2)
    assert of(pooled, keras.layers.Add)[0].output.shape == (None, 4, 4, 4)


def test_an_unknown_normalization_is_named():
    with pytest.raises(ValueError, match=r"`norm` must be one of BN.*Received: 'PN'"):
        norms.make({"norm": "PN"})
