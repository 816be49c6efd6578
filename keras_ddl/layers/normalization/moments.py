"""Means and variances for normalization layers: of cells, and of unions of cells.

A cell is one channel of one example. It is the smallest part over which any of these layers
averages. The moments of cells take two passes over the input. The moments of groups, layers and
batches follow from them exactly, by the law of total variance, and need only small tensors.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_ddl.layers._precision import maximum


class Cells:
    """The cells of an input: reduces tensors to one value per cell, and broadcasts such values.

    Args:
        x: tensor of rank 2 or more. Its first axis is the batch.
        channel_axes: the channel axes, in ascending order and without 0.
    """

    def __init__(self, x, channel_axes):
        self.shape = ops.shape(x)
        kept = {0, *channel_axes}
        self.reduced = tuple(axis for axis in range(len(self.shape)) if axis not in kept)
        self.channels = math.prod(self.shape[axis] for axis in channel_axes)
        # An integer, or a scalar tensor if a size is unknown while a graph is traced.
        self.size = math.prod(self.shape[axis] for axis in self.reduced)
        self._spread_shape = [-1 if axis == 0 else 1 for axis in range(len(self.shape))]
        for axis in channel_axes:
            self._spread_shape[axis] = self.shape[axis]

    def sum(self, x, groups=None):
        """The sum of each cell, of shape (batch, channels) or (batch, *groups)."""
        return self._reduce(ops.sum, x, groups)

    def mean(self, x, groups=None):
        """The mean of each cell, of shape (batch, channels) or (batch, *groups)."""
        return self._reduce(ops.mean, x, groups)

    def _reduce(self, operation, x, groups):
        if keras.backend.backend() == "tensorflow":
            # TensorFlow sums all axes in one long sum. Summing axis by axis rounds less.
            for axis in reversed(self.reduced):
                x = operation(x, axis=axis)
        elif self.reduced:
            x = operation(x, axis=self.reduced)
        return ops.reshape(x, (-1, *(groups or (self.channels,))))

    def spread(self, cells):
        """Reshape values (batch or 1, channels), or grouped ones, to broadcast over the input."""
        return ops.reshape(cells, self._spread_shape)

    def moments(self, x, mask=None):
        """The moments of each cell over the entries where the mask is True.

        Args:
            x: the input, in float32 or better.
            mask: None, or a boolean tensor whose axes correspond to the first axes of the input.
        """
        if mask is None:
            # Autograd of PyTorch is as fast. A custom gradient there has no second derivatives.
            plain = keras.backend.backend() == "torch"
            both = self._moments if plain else ops.custom_gradient(self._moments_with_gradient)
            mean, variance = both(x)
            return Moments(mean, variance, ops.ones_like(mean))
        mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(self.shape) - len(mask.shape))))
        mask = ops.broadcast_to(ops.cast(mask, "bool"), self.shape)
        count = self.sum(ops.cast(mask, x.dtype))
        divisor = maximum(count, 1)
        mean = self.sum(ops.where(mask, x, 0)) / divisor
        deviation = ops.where(mask, x - self.spread(mean), 0)
        return Moments(mean, self.sum(ops.square(deviation)) / divisor, count)

    def _moments(self, x):
        mean = self.mean(x)
        return mean, self.mean(ops.square(x - self.spread(mean)))

    def _moments_with_gradient(self, x):
        """The moments, and their gradient: one pass over the input instead of three.

        Automatic differentiation does not see that the deviations of a cell sum to 0.
        """
        mean, variance = self._moments(x)

        def gradient(*upstream):
            # A tuple of both on JAX, both as arguments on TensorFlow.
            to_mean, to_variance = keras.tree.flatten(upstream)
            offset = self.spread(ops.divide(to_mean, self.size))
            slope = self.spread(ops.divide(2 * to_variance, self.size))
            return (x - self.spread(mean)) * slope + offset

        return (mean, variance), gradient


class Moments(NamedTuple):
    """Means and variances of parts of an input, and the weight of each part.

    The weight is the number of values, or 1 if all parts have the same number of values.
    """

    mean: Any
    variance: Any
    weight: Any

    def reshape(self, shape):
        return Moments(*(ops.reshape(value, shape) for value in self))

    def pool(self, axis):
        """The moments of the union of the parts along `axis`. The axis keeps length 1."""
        weight = ops.sum(self.weight, axis=axis, keepdims=True)
        # If everything is masked, all shares are 0, and so are the mean and the variance.
        share = self.weight / maximum(weight, keras.config.epsilon())
        mean = ops.sum(share * self.mean, axis=axis, keepdims=True)
        spread = self.variance + ops.square(self.mean - mean)
        return Moments(mean, ops.sum(share * spread, axis=axis, keepdims=True), weight)


def move(moving, value, momentum, weight):
    """Update a moving average by the value of a batch, unless the weight of the batch is 0.

    The weight is 0 if the batch is empty or masked entirely.
    """
    value, weight = ops.reshape(value, moving.shape), ops.reshape(weight, moving.shape)
    before = ops.cast(moving, value.dtype)
    moving.assign(ops.where(weight > 0, before * momentum + value * (1 - momentum), before))
