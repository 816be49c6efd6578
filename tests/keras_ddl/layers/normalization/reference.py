"""Reference results by definition, in NumPy and float64, without code of the layers."""

import numpy as np
from keras import ops


def run(layer, x, training=False, mask=None):
    """The layer's output as NumPy; a mask is passed where there is one."""
    given = {} if mask is None else {"mask": ops.convert_to_tensor(mask)}
    if training is not None:
        given["training"] = training
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), **given))


def value(weight):
    return ops.convert_to_numpy(weight.value).astype("float64")


def scramble(layer, shape, seed=3):
    """Build the layer, and move its weights away from zeros and ones, which hide mistakes."""
    layer.build(shape)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape).astype("float32"))
    return layer


def sample(*shape, mean=0.0, std=1.0, seed=0):
    return np.random.default_rng(seed).normal(mean, std, shape).astype("float32")


def standardized(x, blocks, epsilon, mask=None):
    """`x` with every block, an index array of equal labels, brought to mean 0 and variance 1."""
    x, out = x.astype("float64"), np.empty(x.shape)
    counts = np.ones(x.shape, bool) if mask is None else np.broadcast_to(mask, x.shape)
    for label in np.unique(blocks):
        block = blocks == label
        values = x[block & counts]
        mean, variance = (values.mean(), values.var()) if values.size else (0, 0)
        out[block] = (x[block] - mean) / np.sqrt(variance + epsilon)
    return out


def group_blocks(shape, groups, axes=(-1,)):
    """Labels of (example, group): groups divide the channels in the order of their axes."""
    axes = sorted(axis % len(shape) for axis in axes)
    sizes = [shape[axis] for axis in axes]
    channel = np.arange(np.prod(sizes)).reshape(sizes)
    channel = channel.reshape([shape[a] if a in axes else 1 for a in range(len(shape))])
    example = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    labels = example * groups + channel // (np.prod(sizes) // groups)
    return np.broadcast_to(labels, shape)
