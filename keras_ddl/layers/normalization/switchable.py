"""Switchable normalization."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import unit_interval
from keras_ddl.layers._precision import full_precision
from keras_ddl.layers.normalization.affine import AffineNormalization
from keras_ddl.layers.normalization.moments import Cells, Moments, move


@keras.saving.register_keras_serializable(package="keras_ddl")
class SwitchableNormalization(AffineNormalization):
    """Switchable normalization: a learned mixture of instance, layer and batch normalization.

    The mean is a weighted average of the means of the three normalizations, and the variance is a
    weighted average of their variances. The weights are the softmax of `mean_logits` and of
    `variance_logits`. All statistics are computed from those of instances, so the mixture costs
    little more than one of the three. At inference moving statistics replace those of the batch.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        momentum: float in [0, 1], the weight of the old moving statistics in each update.
            Default .99.
        epsilon: positive float added to the variance. Default 1e-3.
        center: whether to add `beta`. Default True.
        scale: whether to multiply by `gamma`. Default True.
        **kwargs: initializers, regularizers and constraints of `beta` and `gamma` as in
            `GroupNormalization`; the rest is passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.
        training: whether to use statistics of the batch. `fit` sets it; default False.
        mask: optional boolean tensor whose axes correspond to the first axes of the input. Entries
            where it is False are left out of the statistics.

    Output shape: same as the input shape.

    Example:

    >>> layer = SwitchableNormalization()
    >>> layer(keras.ops.ones((8, 32, 32, 16)), training=True).shape
    (8, 32, 32, 16)
    >>> keras.ops.softmax(layer.mean_logits).shape  # weights of instance, layer, batch
    (3,)

    Reference: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization",
    2018, arXiv 1806.10779.
    """

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, **kwargs):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.momentum = unit_interval("momentum", momentum)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.mean_logits, self.variance_logits = (
            self.add_weight(shape=(3,), initializer="ones", autocast=False, name=name)
            for name in ("mean_logits", "variance_logits")
        )
        self.moving_mean, self.moving_variance = (
            self._channel_weight(name, initializer=initializer, trainable=False)
            for name, initializer in (("moving_mean", "zeros"), ("moving_variance", "ones"))
        )

    def call(self, inputs, training=False, mask=None) -> Any:
        x = full_precision(inputs)
        cells = Cells(x, self._channel_axes)
        gamma, beta = self._gamma_and_beta(x.dtype)
        instances = cells.moments(x, mask)
        sources = instances, instances.pool(1), self._batch_moments(instances, training)
        mean, variance = (
            mixture(logits, [getattr(source, name) for source in sources])
            for name, logits in (("mean", self.mean_logits), ("variance", self.variance_logits))
        )
        scale = ops.rsqrt(variance + self.epsilon) * gamma
        outputs = (x - cells.spread(mean)) * cells.spread(scale) + cells.spread(beta)
        return ops.cast(outputs, self.compute_dtype)

    def _batch_moments(self, instances, training):
        if training and self.trainable:
            batch = instances.pool(0)
            move(self.moving_mean, batch.mean, self.momentum, batch.weight)
            move(self.moving_variance, batch.variance, self.momentum, batch.weight)
            return batch
        mean, variance = (
            ops.reshape(ops.cast(moving, instances.mean.dtype), (1, -1))
            for moving in (self.moving_mean, self.moving_variance)
        )
        return Moments(mean, variance, None)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


def mixture(logits, values):
    """The average of the values, weighted by the softmax of the logits. The values broadcast."""
    shares = ops.softmax(ops.cast(logits, values[0].dtype))
    return sum(shares[i] * value for i, value in enumerate(values))
