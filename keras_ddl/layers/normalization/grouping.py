"""Group normalization of cells, its gradient written out by hand.

What automatic differentiation makes of it takes up to twice the passes over the input on
TensorFlow and JAX, and keeps more of them in memory.
"""

import keras
from keras import ops


def normalize_groups(cells, x, gamma, beta, epsilon):
    """The folded input `x` normalized; gamma and beta are (groups, channels per group)."""

    def forward(x, gamma, beta):
        deviation, shift, inverse = statistics(cells, x, gamma.shape, epsilon)
        scale = inverse * gamma
        spread_scale = cells.spread(scale)
        outputs = deviation * spread_scale + cells.spread(shift * scale + beta)
        return outputs, (deviation, shift, inverse, gamma, spread_scale)

    def with_gradient(x, gamma, beta):
        outputs, parts = forward(x, gamma, beta)
        return outputs, lambda upstream: gradients(cells, upstream, *parts)

    if keras.backend.backend() == "torch":
        # Autograd is as fast there, and to custom gradients of PyTorch `parts` are constants, so
        # second derivatives, as in gradient penalties, would be wrong.
        return forward(x, gamma, beta)[0]
    return ops.custom_gradient(with_gradient)(x, gamma, beta)


def statistics(cells, x, groups, epsilon):
    """Deviations from the channel's mean, of that from the group's mean, and 1 / std of groups.

    A deviation from the own mean is exact to rounding however large the mean is.
    """
    mean = ops.mean(x, axis=cells.reduced, keepdims=True)
    deviation = x - mean
    variance = ops.mean(ops.square(deviation), axis=cells.reduced)
    mean, variance = (ops.reshape(value, (-1, *groups)) for value in (mean, variance))
    shift = mean - ops.mean(mean, axis=-1, keepdims=True)
    variance = ops.mean(variance + ops.square(shift), axis=-1, keepdims=True)
    return deviation, shift, ops.rsqrt(variance + epsilon)


def gradients(cells, upstream, deviation, shift, inverse, gamma, scale):
    """What flows back to the input, gamma and beta."""

    def total(values):
        return ops.reshape(ops.sum(values, axis=cells.reduced), (-1, *gamma.shape))

    to_beta = total(upstream)
    to_gamma = (total(upstream * deviation) + shift * to_beta) * inverse
    # The group's mean of what flows in, and of its product with the normalized input.
    flow = ops.divide(ops.mean(to_beta * gamma, axis=-1, keepdims=True), cells.size)
    match = ops.divide(ops.mean(to_gamma * gamma, axis=-1, keepdims=True), cells.size)
    slope = ops.broadcast_to(-ops.square(inverse) * match, ops.shape(shift))
    constant = slope * shift - inverse * flow
    to_x = upstream * scale + deviation * cells.spread(slope) + cells.spread(constant)
    return to_x, ops.sum(to_gamma, axis=0), ops.sum(to_beta, axis=0)


def normalize_masked_groups(cells, x, gamma, beta, epsilon, mask):
    """The same of what the mask leaves in."""
    parts = cells.moments(x, mask).reshape((-1, *gamma.shape))
    mean, variance, _ = parts.pool(-1)
    scale = ops.rsqrt(variance + epsilon) * gamma
    mean, offset = (ops.broadcast_to(value, ops.shape(scale)) for value in (mean, beta))
    return (x - cells.spread(mean)) * cells.spread(scale) + cells.spread(offset)
