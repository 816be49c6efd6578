"""Ghost batch normalization."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import positive_integer
from keras_ddl.layers._precision import full_precision
from keras_ddl.layers._sizes import at_least
from keras_ddl.layers.normalization.moments import Cells, Moments


@keras.saving.register_keras_serializable(package="keras_ddl")
class GhostBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over parts of the batch: large batches then generalize like small ones.

    In training the batch is divided into ghost batches of at most `virtual_batch_size` examples.
    Each ghost batch is normalized with its own mean and variance. At inference the layer is
    `BatchNormalization` with moving statistics, which training updates once for every ghost batch,
    in order.

    A batch of B examples has `n = ceil(B / virtual_batch_size)` ghost batches, and example i
    belongs to ghost batch `i % n`. If B is not a multiple of n, the sizes of the ghost batches
    differ by one example. A smaller last batch of an epoch therefore needs no special treatment.

    Args:
        virtual_batch_size: positive integer, the largest size of a ghost batch.
        axis: integer, the axis of the channels. Default -1.
        momentum: float, the weight of the old moving statistics in the update by each ghost batch.
            Default .99.
        **kwargs: the other arguments of `keras.layers.BatchNormalization`, except `renorm` and
            `synchronized`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.
        training: whether ghost batches are used. `fit` sets it; default False.
        mask: optional boolean tensor whose axes correspond to the first axes of the input. Entries
            where it is False are left out of the statistics.

    Output shape: same as the input shape.

    Example:

    >>> layer = GhostBatchNormalization(virtual_batch_size=32)
    >>> layer(keras.ops.ones((100, 8)), training=True).shape  # four ghost batches of 25
    (100, 8)

    Raises:
        ValueError: if `virtual_batch_size` is not a positive integer, `axis` is 0, or `renorm` or
            `synchronized` is set.

    Reference: Hoffer et al., "Train longer, generalize better", 2017, arXiv 1705.08741.
    """

    def __init__(self, virtual_batch_size, axis=-1, momentum=0.99, **kwargs):
        size = positive_integer("virtual_batch_size", virtual_batch_size)
        if axis == 0:
            raise ValueError("`axis` must not be 0, the batch axis. Received: axis=0")
        for name in ("renorm", "synchronized"):
            if kwargs.pop(name, False):
                raise ValueError(
                    f"`{name}` cannot be combined with ghost batches; "
                    f"keras.layers.BatchNormalization supports it. Received: {name}=True"
                )
        super().__init__(axis=axis, momentum=momentum, **kwargs)
        self.autocast = False  # keeps inputs unrounded until the statistics are computed
        self.virtual_batch_size = size

    def call(self, inputs, training=False, mask=None) -> Any:
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        x = full_precision(inputs)
        cells = Cells(x, (self.axis % len(inputs.shape),))
        mean, variance = self._ghost_moments(cells.moments(x, mask), cells.shape[0])
        scale = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            scale = scale * ops.cast(self.gamma, x.dtype)
        outputs = (x - cells.spread(mean)) * cells.spread(scale)
        if self.center:
            offset = ops.reshape(ops.cast(self.beta, x.dtype), (1, -1))
            outputs = outputs + cells.spread(offset)
        return ops.cast(outputs, self.compute_dtype)

    def _ghost_moments(self, examples, batch):
        """For each example, the mean and variance of its ghost batch.

        Args:
            examples: the moments of each example.
            batch: the number of examples.
        """
        count = at_least(-(-batch // self.virtual_batch_size), 1)  # 1 even for an empty batch
        size = -(-batch // count)
        missing = size * count - batch
        channels = examples.mean.shape[-1]
        padding = ops.zeros((missing, channels), examples.mean.dtype)  # examples of weight 0
        rows = Moments(*(ops.concatenate([value, padding]) for value in examples))
        # In this shape, column j has the examples of ghost batch j.
        ghosts = rows.reshape((size, count, channels)).pool(0)
        self._update_moving(ghosts)
        shape = (size, count, channels)
        mean, variance = (
            ops.reshape(ops.broadcast_to(value, shape), (-1, channels))[:batch]
            for value in (ghosts.mean, ghosts.variance)
        )
        return mean, variance

    def _update_moving(self, ghosts):
        """Update the moving statistics by every ghost batch, except those masked entirely.

        The result equals one update after the other, but takes a single assignment.
        """
        # A ghost batch that `later` others follow has the weight (1 - momentum) * momentum**later.
        seen = ops.cast(ghosts.weight > 0, ghosts.mean.dtype)
        later = ops.sum(seen, axis=1, keepdims=True) - ops.cumsum(seen, axis=1)
        share = seen * (1 - self.momentum) * self.momentum**later
        total = ops.sum(share, axis=(0, 1))
        for moving, values in (
            (self.moving_mean, ghosts.mean),
            (self.moving_variance, ghosts.variance),
        ):
            added = ops.sum(share * values, axis=(0, 1))
            moving.assign(ops.cast(moving, added.dtype) * (1 - total) + added)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "virtual_batch_size": self.virtual_batch_size}
        for name in ("renorm", "renorm_clipping", "renorm_momentum", "synchronized"):
            config.pop(name, None)
        return config
