"""The computation of group normalization, with a gradient that is written by hand.

On TensorFlow and JAX automatic differentiation needs up to twice as many passes over the input and
keeps more intermediate tensors in memory. In this module, `cells` is the `moments.Cells` of the
input; a cell is one channel of one example.
"""

import keras
from keras import ops


def normalize_groups(cells, epsilon, x, gamma, beta):
    """Normalize `x`. `gamma` and `beta` have the shape (groups, channels per group)."""

    def forward(x, gamma, beta):
        deviation, inverse = statistics(cells, x, gamma.shape, epsilon)
        scale = cells.spread(inverse * gamma)
        return deviation * scale + cells.spread(beta), (deviation, inverse, gamma, scale)

    def with_gradient(x, gamma, beta):
        outputs, parts = forward(x, gamma, beta)
        return outputs, lambda upstream: gradients(cells, upstream, parts)

    if keras.backend.backend() == "torch":
        # Autograd is as fast on PyTorch. A custom gradient would treat `parts` as constants, so
        # second derivatives, as in gradient penalties, would be wrong.
        return forward(x, gamma, beta)[0]
    return ops.custom_gradient(with_gradient)(x, gamma, beta)


def statistics(cells, x, groups, epsilon):
    """The deviations from the group's mean, and 1 / std of every group.

    The mean is subtracted first, so that a large mean costs no accuracy.
    """

    def group_mean(values):
        return ops.mean(cells.mean(values, groups), axis=-1, keepdims=True)

    mean = ops.broadcast_to(group_mean(x), (cells.shape[0], *groups))
    deviation = x - cells.spread(mean)
    return deviation, ops.rsqrt(group_mean(ops.square(deviation)) + epsilon)


def gradients(cells, upstream, parts):
    """The gradients with respect to the input, gamma and beta.

    Args:
        cells: the cells of the input.
        upstream: the gradient with respect to the outputs.
        parts: the intermediate tensors of the forward pass.
    """
    deviation, inverse, gamma, scale = parts

    def group_mean(values):
        mean = ops.divide(ops.mean(values, axis=-1, keepdims=True), cells.size)
        return ops.broadcast_to(mean * inverse, ops.shape(values))

    to_beta = cells.sum(upstream, gamma.shape)
    to_gamma = cells.sum(upstream * deviation, gamma.shape) * inverse
    # Subtract the group's mean of the upstream gradient and its projection on the normalized input.
    mean, projection = group_mean(to_beta * gamma), group_mean(to_gamma * gamma * inverse)
    to_x = upstream * scale - deviation * cells.spread(projection) - cells.spread(mean)
    return to_x, ops.sum(to_gamma, axis=0), ops.sum(to_beta, axis=0)


def normalize_masked_groups(cells, epsilon, x, mask, *weights):
    """Normalize `x` by the statistics of the entries where `mask` is True.

    `weights` are gamma and beta, as for `normalize_groups`.
    """
    gamma, beta = weights
    parts = cells.moments(x, mask).reshape((-1, *gamma.shape))
    mean, variance, _ = parts.pool(-1)
    scale = ops.rsqrt(variance + epsilon) * gamma
    mean, offset = (ops.broadcast_to(value, ops.shape(scale)) for value in (mean, beta))
    return (x - cells.spread(mean)) * cells.spread(scale) + cells.spread(offset)
