"""GroupNormalization and InstanceNormalization against NumPy, core and PyTorch."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_ddl.layers import GroupNormalization, InstanceNormalization
from keras_ddl.layers.normalization import native
from keras_ddl.layers.normalization.grouping import normalize_groups
from keras_ddl.layers.normalization.moments import Cells
from tests.keras_ddl.layers.gradients import gradients
from tests.keras_ddl.layers.normalization.reference import (
    group_blocks,
    run,
    sample,
    scramble,
    standardized,
    value,
)

BACKEND = keras.backend.backend()


@st.composite
def cases(draw):
    """A shape, the channel axes, and a number of groups that divides the channels."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=5)))
    axes = tuple(draw(st.sets(st.integers(1, len(shape) - 1), min_size=1, max_size=3)))
    channels = int(np.prod([shape[axis] for axis in axes]))
    groups = draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]))
    return shape, axes, groups


@settings(max_examples=25, deadline=None)
@given(case=cases(), negative=st.booleans(), masked=st.booleans(), seed=st.integers(0, 9))
def test_any_shape_axes_groups_and_mask(case, negative, masked, seed):
    shape, axes, groups = case
    given_axes = tuple(axis - len(shape) for axis in axes) if negative else axes
    layer = scramble(GroupNormalization(groups, axis=given_axes), shape)
    x = sample(*shape, mean=2, seed=seed)
    mask = np.random.default_rng(seed).random(shape[:2]) < 0.6 if masked else None
    dims = [size if axis in axes else 1 for axis, size in enumerate(shape)]
    gamma, beta = (value(weight).reshape(dims) for weight in (layer.gamma, layer.beta))
    spread = None if mask is None else mask.reshape(*mask.shape, *[1] * (len(shape) - 2))
    expected = standardized(x, group_blocks(shape, groups, axes), layer.epsilon, spread)
    got = run(layer, x, None, mask)
    np.testing.assert_allclose(got, expected * gamma + beta, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axis", [-1, 1])
def test_it_is_a_drop_in_for_cores(axis):
    """The same arguments in the same order, the same weights, the same output and gradients."""
    x = sample(2, 6, 5, 6)
    options = (3, axis, 1e-2, True, True, "zeros", "ones", "l2", None, "non_neg", None)
    ours, core = (
        scramble(kind(*options), x.shape)
        for kind in (GroupNormalization, keras.layers.GroupNormalization)
    )
    np.testing.assert_allclose(run(ours, x, None), run(core, x, None), rtol=1e-5, atol=1e-5)
    config = ours.get_config()
    ignored = {"name", "channels_per_group"}
    assert {k: v for k, v in core.get_config().items() if k not in ignored} == {
        k: v for k, v in config.items() if k not in ignored
    }
    pulls = sample(*x.shape, seed=5)
    found = [
        gradients(lambda t, layer=layer: ops.sum(layer(t) * ops.convert_to_tensor(pulls)), [x])
        for layer in (ours, core)
    ]
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4, atol=1e-4)


def test_second_derivatives_are_right():
    """A gradient penalty: the gradient of the squared norm of the gradient."""
    x, pulls = sample(2, 3, 4), sample(2, 3, 4, seed=7)
    layers = [scramble(kind(2), x.shape) for kind in (GroupNormalization, PlainGroups)]
    ours, plain = (second_gradient(layer, x, pulls) for layer in layers)
    np.testing.assert_allclose(ours, plain, rtol=1e-3, atol=1e-4)


class PlainGroups(keras.layers.GroupNormalization):
    """Group normalization in two passes, differentiated automatically on all backends."""

    def call(self, inputs):
        shape = (*inputs.shape[:-1], self.groups, inputs.shape[-1] // self.groups)
        x = ops.reshape(inputs, shape)
        x = x - ops.mean(x, axis=(1, 3), keepdims=True)
        x = x / ops.sqrt(ops.mean(x * x, axis=(1, 3), keepdims=True) + self.epsilon)
        return ops.reshape(x, inputs.shape) * self.gamma + self.beta


def second_gradient(layer, x, pulls):
    x, pulls = ops.convert_to_tensor(x), ops.convert_to_tensor(pulls)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                scalar = ops.sum(layer(x) ** 2 * pulls)
            penalty = ops.sum(inner.gradient(scalar, x) ** 2)
        return ops.convert_to_numpy(outer.gradient(penalty, x))
    if BACKEND == "jax":
        import jax

        first = jax.grad(lambda x: ops.sum(layer(x) ** 2 * pulls))
        return np.asarray(jax.grad(lambda x: ops.sum(first(x) ** 2))(x))
    import torch

    x = x.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad((layer(x) ** 2 * pulls).sum(), x, create_graph=True)
    return torch.autograd.grad((first**2).sum(), x)[0].numpy()


@pytest.mark.parametrize("mean", [0, 1, 1000])
@pytest.mark.parametrize("shape", [(4, 32, 32, 64), (16, 8, 8, 64), (2, 300, 64)])
def test_the_error_is_no_larger_than_cores(shape, mean):
    x = sample(*shape, mean=mean)
    expected = standardized(x, group_blocks(shape, 8), 1e-3)
    ours, core = (
        np.sqrt(np.mean((run(kind(8), x, None) - expected) ** 2))
        for kind in (GroupNormalization, keras.layers.GroupNormalization)
    )
    # Core's is NaN at a mean of 1000 on PyTorch. Below 1e-7 it is the rounding of the output.
    assert not ours > max(core, 1e-7)
    assert ours < 1e-4


def test_a_far_channel_does_not_blur_its_group():
    """One channel's values are much larger than the other's deviation; float32 can hold both."""
    x = sample(2, 64, 2)
    x[..., 1] += 1e4
    expected = standardized(x, group_blocks(x.shape, 1), 1e-3)
    np.testing.assert_allclose(run(GroupNormalization(1), x, None), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
def test_float16_does_not_overflow(dtype):
    x = sample(2, 64, 8, mean=300, std=200).astype("float16")
    expected = standardized(x, group_blocks(x.shape, 2), 1e-3)
    out = run(GroupNormalization(2, dtype=dtype), x, None)
    assert out.dtype == np.float16
    np.testing.assert_allclose(out, expected, rtol=2e-3, atol=2e-3)


def test_masked_steps_do_not_count():
    """Values at masked steps do not affect other steps. In Keras' layer they do."""
    x, mask = sample(3, 7, 4), np.ones((3, 7), bool)
    mask[0, 4:] = mask[1, :] = False
    other = np.where(mask[..., None], x, 50).astype("float32")
    layer = scramble(GroupNormalization(2), x.shape)
    one, two = run(layer, x, None, mask), run(layer, other, None, mask)
    np.testing.assert_array_equal(one[mask], two[mask])
    np.testing.assert_allclose(one[0, :4], run(layer, x[:1, :4], None)[0], rtol=1e-5, atol=1e-5)
    assert np.isfinite(one).all()


def test_groups_by_their_size_and_the_config_after_building():
    layer = GroupNormalization(channels_per_group=2)
    layer.build((None, 6))
    twin = GroupNormalization.from_config(layer.get_config())
    twin.build((None, 10))
    assert twin.gamma.shape == (10,)
    x = sample(3, 10)
    np.testing.assert_array_equal(run(twin, x, None), run(GroupNormalization(5), x, None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 0}, "`groups` must be .*groups=0"),
        ({"groups": True}, "`groups` must be"),
        ({"groups": 2.0}, "`groups` must be"),
        ({"channels_per_group": -1}, "`channels_per_group` must be"),
        ({"groups": 2, "channels_per_group": 2}, "not both"),
        ({"epsilon": 0}, "`epsilon` must be a positive number. Received: epsilon=0"),
        ({"epsilon": "1e-3"}, "`epsilon` must be a positive number. Received: epsilon='1e-3'"),
        ({"axis": None}, "`axis` must be an integer, .*Received: axis=None"),
        ({"axis": 1.0}, "`axis` must be an integer, .*Received: axis=1.0"),
        ({"axis": "channels"}, "`axis` must be an integer, .*Received: axis='channels'"),
        ({"axis": ()}, "`axis` must be an integer, .*Received: axis=\\(\\)"),
        ({"axis": 0}, "`axis` must not contain 0, the batch axis. Received: axis=0"),
        ({"axis": (0, 1)}, "not contain 0, the batch axis"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GroupNormalization(**options)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"groups": 4}, (2, 6), "`groups` must divide .*groups=4, channels=6"),
        ({}, (2, 6), "If layers differ in width, use `channels_per_group`"),
        ({"channels_per_group": 4}, (2, 6), "`channels_per_group` must divide"),
        ({"axis": 3}, (2, 4, 32), "`axis` must name axes of the input"),
        ({"axis": -3}, (2, 4, 32), "not axis 0, the batch axis"),
        ({"axis": (1, -2)}, (2, 4, 32), "different axes"),
        ({}, (2, 4, None), "must have a known size"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(options, shape, message):
    with pytest.raises(ValueError, match=message):
        GroupNormalization(**options).build(shape)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2)])
def test_instances(axis):
    x = sample(2, 3, 4, 5)
    layer = InstanceNormalization(axis=axis)
    axes = axis if isinstance(axis, tuple) else (axis,)
    channels = int(np.prod([x.shape[a] for a in axes]))
    expected = standardized(x, group_blocks(x.shape, channels, axes), layer.epsilon)
    np.testing.assert_allclose(run(layer, x, None), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": None}, r"GroupNormalization\(groups=1\)\. Received: axis=None"),
        ({"groups": 2}, "use GroupNormalization for other groups. Received: groups=2"),
        (
            {"channels_per_group": 2},
            "use GroupNormalization for other groups. Received: channels_per_group=2",
        ),
    ],
)
def test_arguments_of_other_libraries_layers_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        InstanceNormalization(**options)


def test_instances_of_one_value_are_refused():
    with pytest.raises(ValueError, match=r"averages over the axes that are neither.*\(2, 6\)"):
        InstanceNormalization().build((2, 6))


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch has a native kernel")
@pytest.mark.parametrize("shape", [(3, 6), (2, 5, 6), (2, 4, 5, 6), (2, 6, 5, 3)])
@pytest.mark.parametrize("groups", [1, 3, 6])
def test_the_native_and_the_portable_form_agree(shape, groups):
    """In outputs and in all gradients."""
    axis = shape.index(6)
    x = ops.convert_to_tensor(sample(*shape, mean=3)).requires_grad_()
    weights = [
        ops.convert_to_tensor(sample(groups, 6 // groups, seed=seed)).requires_grad_()
        for seed in (1, 2)
    ]
    pulls = ops.convert_to_tensor(sample(*shape, seed=5))
    found = []
    for outputs in (
        native.group_norm(x, axis, *weights, 1e-3),
        normalize_groups(Cells(x, (axis,)), 1e-3, x, *weights),
    ):
        x.grad = weights[0].grad = weights[1].grad = None
        (outputs * pulls).sum().backward()
        tensors = (outputs.detach(), x.grad, *(weight.grad for weight in weights))
        found.append([tensor.numpy() for tensor in tensors])
    for ours, portable in zip(*found, strict=True):
        np.testing.assert_allclose(ours, portable, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own layers, on PyTorch")
@pytest.mark.parametrize("groups", [1, 3, 6])
def test_pytorchs_layers_agree(groups):
    import torch

    x = sample(2, 6, 5, 4)
    ours = GroupNormalization(groups, axis=1, epsilon=1e-5)
    theirs = torch.nn.GroupNorm(groups, 6, eps=1e-5)(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(run(ours, x, None), theirs, rtol=1e-4, atol=1e-5)
    if groups == 6:
        theirs = torch.nn.InstanceNorm2d(6)(torch.tensor(x)).numpy()
        ours = InstanceNormalization(axis=1, epsilon=1e-5)
        np.testing.assert_allclose(run(ours, x, None), theirs, rtol=1e-4, atol=1e-5)
