"""Arithmetic that normalization layers share: moments of cells, and of unions of cells.

A cell is one channel of one example, the smallest part that any of these layers averages over.
Means and variances of cells take two passes over the input. Those of groups, layers and batches
follow from them exactly, by the law of total variance, and need only small tensors.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_ddl.layers._precision import maximum


class Cells:
    """The cells of an input: reduces tensors to one value per cell, and broadcasts such values.

    Args:
        x: tensor of rank 2 or more, its first axis the batch.
        channel_axes: ascending axes, 0 not among them.
    """

    def __init__(self, x, channel_axes):
        self.shape = ops.shape(x)
        kept = {0, *channel_axes}
        self.reduced = tuple(axis for axis in range(len(self.shape)) if axis not in kept)
        self.channels = math.prod(self.shape[axis] for axis in channel_axes)
        # An integer, or a scalar tensor where a size is unknown while tracing.
        self.size = math.prod(self.shape[axis] for axis in self.reduced)
        self._spread_shape = [-1 if axis == 0 else 1 for axis in range(len(self.shape))]
        for axis in channel_axes:
            self._spread_shape[axis] = self.shape[axis]

    def sum(self, x, groups=None):
        """The sum of each cell, (batch, channels) or (batch, *groups)."""
        return self._reduce(ops.sum, x, groups)

    def mean(self, x, groups=None):
        """The mean of each cell, (batch, channels) or (batch, *groups)."""
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
        """(batch or 1, channels), in any grouping, in a shape that broadcasts against the input."""
        return ops.reshape(cells, self._spread_shape)

    def moments(self, x, mask=None):
        """The moments of each cell over the entries where the mask is True.

        Args:
            x: the input, in float32 or better.
            mask: None, or a boolean tensor whose axes stand for the first axes of the input.
        """
        if mask is None:
            mean = self.mean(x)
            variance = self.mean(ops.square(x - self.spread(mean)))
            return Moments(mean, variance, ops.ones_like(mean))
        mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(self.shape) - len(mask.shape))))
        mask = ops.broadcast_to(ops.cast(mask, "bool"), self.shape)
        count = self.sum(ops.cast(mask, x.dtype))
        some = maximum(count, 1)
        mean = self.sum(ops.where(mask, x, 0)) / some
        deviation = ops.where(mask, x - self.spread(mean), 0)
        return Moments(mean, self.sum(ops.square(deviation)) / some, count)


class Moments(NamedTuple):
    """Means and variances of parts of an input, and the weight of each part.

    The weight is the number of values, or 1 where all parts have the same number.
    """

    mean: Any
    variance: Any
    weight: Any

    def reshape(self, shape):
        return Moments(*(ops.reshape(value, shape) for value in self))

    def pool(self, axis):
        """The moments of the union of the parts along `axis`, which stays with length 1."""
        weight = ops.sum(self.weight, axis=axis, keepdims=True)
        # Where everything is masked all shares are 0, and so are the mean and the variance.
        share = self.weight / maximum(weight, keras.config.epsilon())
        mean = ops.sum(share * self.mean, axis=axis, keepdims=True)
        spread = self.variance + ops.square(self.mean - mean)
        return Moments(mean, ops.sum(share * spread, axis=axis, keepdims=True), weight)


def move(moving, value, momentum, weight):
    """Move a running average towards the value of a batch, or not at all if its weight is 0.

    An empty batch and one that is masked as a whole have weight 0.
    """
    value, weight = ops.reshape(value, moving.shape), ops.reshape(weight, moving.shape)
    before = ops.cast(moving, value.dtype)
    moving.assign(ops.where(weight > 0, before * momentum + value * (1 - momentum), before))
