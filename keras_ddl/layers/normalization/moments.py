"""Arithmetic that normalization layers share: moments of cells, pooled as each layer likes.

A cell is one channel of one example: everything that all these layers average over at least.
Means and variances of cells take two passes over the input; those of groups, layers, batches
follow from them exactly, by the law of total variance, at the price of a few small tensors.
"""

import itertools
import math
from typing import Any, NamedTuple

import keras
from keras import ops


def full_precision(x):
    """`x` in float32 or better: half precision overflows in squares and sums."""
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


class Cells:
    """An input seen as cells: what is to be averaged apart from the batch and the channels.

    Neighbouring axes of one kind are merged, which XLA's reductions on a CPU reward: an image
    batch becomes (batch, pixels, channels).

    Args:
        x: tensor of rank 2 or more, its first axis the batch.
        channel_axes: ascending axes, 0 not among them.
    """

    def __init__(self, x, channel_axes):
        self.shape = ops.shape(x)
        self.channels = math.prod(self.shape[axis] for axis in channel_axes)
        kinds = itertools.groupby(range(1, len(self.shape)), lambda axis: axis in channel_axes)
        runs = [(kept, math.prod(self.shape[axis] for axis in run)) for kept, run in kinds]
        if all(kept for kept, _ in runs):
            runs.append((False, 1))
        self.reduced = tuple(i for i, (kept, _) in enumerate(runs, start=1) if not kept)
        self.folded_shape = (self.shape[0], *(size for _, size in runs))
        self.spread_shape = (-1, *(size if kept else 1 for kept, size in runs))
        # An integer, or a scalar tensor where a size is unknown while tracing.
        self.size = math.prod(size for kept, size in runs if not kept)

    def fold(self, x):
        return ops.reshape(x, self.folded_shape)

    def unfold(self, folded):
        return ops.reshape(folded, self.shape)

    def sum(self, folded):
        """The sum of each cell, (batch, channels)."""
        return ops.reshape(ops.sum(folded, axis=self.reduced), (-1, self.channels))

    def mean(self, folded):
        """The mean of each cell, (batch, channels)."""
        return ops.reshape(ops.mean(folded, axis=self.reduced), (-1, self.channels))

    def spread(self, cells):
        """(batch or 1, channels) in a shape that broadcasts against the folded input."""
        return ops.reshape(cells, self.spread_shape)

    def moments(self, folded, mask=None):
        """The moments of each cell, of what the mask leaves in.

        Args:
            folded: the folded input, in float32 or better.
            mask: None, or a boolean tensor whose axes stand for the first axes of the input.
        """
        if mask is None:
            mean = self.mean(folded)
            variance = self.mean(ops.square(folded - self.spread(mean)))
            return Moments(mean, variance, ops.ones_like(mean))
        mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(self.shape) - len(mask.shape))))
        mask = self.fold(ops.broadcast_to(ops.cast(mask, "bool"), self.shape))
        count = self.sum(ops.cast(mask, folded.dtype))
        some = ops.maximum(count, 1)
        mean = self.sum(ops.where(mask, folded, 0)) / some
        deviation = ops.where(mask, folded - self.spread(mean), 0)
        return Moments(mean, self.sum(ops.square(deviation)) / some, count)


class Moments(NamedTuple):
    """Means and variances of parts of an input, each with the number of values it stands for.

    The number may be relative: equal parts have weight 1.
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
        share = self.weight / ops.maximum(weight, keras.config.epsilon())
        mean = ops.sum(share * self.mean, axis=axis, keepdims=True)
        spread = self.variance + ops.square(self.mean - mean)
        return Moments(mean, ops.sum(share * spread, axis=axis, keepdims=True), weight)


def move(moving, value, momentum):
    """Move a running average towards the value of a batch."""
    value = ops.reshape(value, moving.shape)
    moving.assign(ops.cast(moving, value.dtype) * momentum + value * (1 - momentum))
