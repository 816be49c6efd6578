"""The quotient of EvoNormB0, with a gradient that is written by hand.

Automatic differentiation keeps several tensors of the input's size and takes many passes over them.
In this module, `cells` is the `moments.Cells` of the input; a cell is one channel of one example.
"""

import keras
from keras import ops

from keras_ddl.layers._precision import maximum


def quotient(cells, epsilon, x, *, v, gamma, beta, instances, batch):
    """`gamma * x / max(batch_std(x), v * x + instance_std(x)) + beta`.

    Args:
        cells: the cells of the input.
        epsilon: added to variances.
        x: the input.
        v, gamma, beta: of shape (1, channels).
        instances: the moments of the cells of `x`.
        batch: those of all examples, of shape (1, channels).
    """
    if keras.backend.backend() == "torch":
        # A custom gradient on PyTorch has no second derivatives.
        variances = instances.variance, batch.variance
        return plain(cells, epsilon, x, *variances, v=v, gamma=gamma, beta=beta)

    def with_gradient(x, v, gamma, beta, *moments):
        def gradient(upstream, *_):
            found = _gradients(cells, epsilon, (upstream, x), (v, gamma), moments)
            return (*found, *(ops.zeros_like(one) for one in moments))

        variances = moments[1], moments[3]
        return plain(cells, epsilon, x, *variances, v=v, gamma=gamma, beta=beta), gradient

    # The gradient already contains what flows through the moments.
    moments = [ops.stop_gradient(one) for one in (*instances[:2], *batch[:2])]
    return ops.custom_gradient(with_gradient)(x, v, gamma, beta, *moments)


def plain(cells, epsilon, x, instance_variance, batch_variance, *, v, gamma, beta):
    """The quotient as written, from any variances. The arguments are those of `quotient`."""
    batch_std, instance_std = (
        cells.spread(ops.sqrt(value + epsilon)) for value in (batch_variance, instance_variance)
    )
    divisor = maximum(batch_std, cells.spread(v) * x + instance_std)
    return x / divisor * cells.spread(gamma) + cells.spread(beta)


def _gradients(cells, epsilon, tensors, weights, moments):
    """The gradients with respect to the input, v, gamma and beta."""
    upstream, x = tensors
    v, gamma = weights
    mean, variance, batch_mean, batch_variance = moments
    batch_std, instance_std = (ops.sqrt(one + epsilon) for one in (batch_variance, variance))
    slope = cells.spread(v)
    moving, fixed = slope * x + cells.spread(instance_std), cells.spread(batch_std)
    inside = moving > fixed
    inverse = 1 / ops.where(inside, moving, fixed)
    ratio = x * inverse
    direct = upstream * cells.spread(gamma) * inverse
    to_divisor = -direct * ratio
    to_moving = ops.where(inside, to_divisor, ops.zeros_like(to_divisor))
    to_instance_std = cells.sum(to_moving)
    to_batch_std = ops.sum(cells.sum(to_divisor) - to_instance_std, axis=0, keepdims=True)
    # A standard deviation s has the derivative (x - mean) / (s * count) with respect to x.
    per_cell = ops.divide(to_instance_std / instance_std, cells.size)
    per_batch = ops.divide(to_batch_std / batch_std, cells.size * cells.shape[0])
    both = cells.spread(per_cell + per_batch)
    offset = cells.spread((mean - batch_mean) * per_batch)
    to_x = direct + to_moving * slope + (x - cells.spread(mean)) * both + offset

    def over_batch(values):
        return ops.sum(cells.sum(values), axis=0, keepdims=True)

    return to_x, over_batch(to_moving * x), over_batch(upstream * ratio), over_batch(upstream)
