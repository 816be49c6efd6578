"""EvoNorm: layers that combine normalization and activation."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import unit_interval
from keras_ddl.layers._precision import full_precision
from keras_ddl.layers.normalization.affine import AffineNormalization
from keras_ddl.layers.normalization.group import DEFAULT_GROUPS, checked_groups, group_shape
from keras_ddl.layers.normalization.moments import Cells, move
from keras_ddl.layers.normalization.quotient import plain, quotient


@keras.saving.register_keras_serializable(package="keras_ddl")
class EvoNormB0(AffineNormalization):
    """EvoNorm-B0: batch normalization and activation in one layer, found by evolutionary search.

    The output is `gamma * x / max(batch_std(x), v * x + instance_std(x)) + beta`, with a trainable
    `v` for every channel. Do not use another activation after it. At inference the moving variance
    replaces the variance of the batch.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        momentum: float in [0, 1], the weight of the old moving variance in each update.
            Default .99.
        epsilon: positive float added to variances. Default 1e-5.
        center: whether to add `beta`. Default True.
        scale: whether to multiply by `gamma`. Default True.
        **kwargs: initializers, regularizers and constraints of `beta` and `gamma` as in
            `GroupNormalization`; the rest is passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.
        training: whether to use the variance of the batch. `fit` sets it; default False.
        mask: optional boolean tensor whose axes correspond to the first axes of the input. Entries
            where it is False are left out of the statistics.

    Output shape: same as the input shape.

    Example:

    >>> EvoNormB0()(keras.ops.ones((8, 32, 32, 16)), training=True).shape
    (8, 32, 32, 16)

    Reference: Liu et al., "Evolving Normalization-Activation Layers", 2020, arXiv 2004.02967.
    """

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-5, center=True, scale=True, **kwargs):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.momentum = unit_interval("momentum", momentum)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.v = self._channel_weight("v", initializer="ones")
        self.moving_variance = self._channel_weight(
            "moving_variance", initializer="ones", trainable=False
        )

    def call(self, inputs, training=False, mask=None) -> Any:
        x = full_precision(inputs)
        cells = Cells(x, self._channel_axes)
        gamma, beta = self._gamma_and_beta(x.dtype)
        v = ops.reshape(ops.cast(self.v, x.dtype), (1, -1))
        weights = {"v": v, "gamma": gamma, "beta": beta}
        instances = cells.moments(x, mask)
        variance = ops.reshape(ops.cast(self.moving_variance, x.dtype), (1, -1))
        if training and self.trainable:
            batch = instances.pool(0)
            variance = batch.variance
            move(self.moving_variance, variance, self.momentum, batch.weight)
            if mask is None:
                outputs = quotient(
                    cells, self.epsilon, x, instances=instances, batch=batch, **weights
                )
                return ops.cast(outputs, self.compute_dtype)
        moments = (instances.variance, variance)
        return ops.cast(plain(cells, self.epsilon, x, *moments, **weights), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="keras_ddl")
class EvoNormS0(AffineNormalization):
    """EvoNorm-S0: group normalization and activation in one layer, found by evolutionary search.

    The output is `gamma * x * sigmoid(v * x) / group_std(x) + beta`, with a trainable `v` for every
    channel. Do not use another activation after it. The output for an example does not depend on
    the other examples of the batch.

    Args:
        groups: number of groups, as in `GroupNormalization`. Default 32.
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        epsilon: positive float added to the variance. Default 1e-5.
        center: whether to add `beta`. Default True.
        scale: whether to multiply by `gamma`. Default True.
        channels_per_group: optional number of channels in each group, instead of `groups`.
        **kwargs: initializers, regularizers and constraints of `beta` and `gamma` as in
            `GroupNormalization`; the rest is passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.
        mask: optional boolean tensor whose axes correspond to the first axes of the input. Entries
            where it is False are left out of the statistics.

    Output shape: same as the input shape.

    Example:

    >>> EvoNormS0(groups=8)(keras.ops.ones((8, 32, 32, 16))).shape
    (8, 32, 32, 16)

    Reference: Liu et al., "Evolving Normalization-Activation Layers", 2020, arXiv 2004.02967.
    """

    def __init__(
        self,
        groups=DEFAULT_GROUPS,
        axis=-1,
        epsilon=1e-5,
        center=True,
        scale=True,
        *,
        channels_per_group=None,
        **kwargs,
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.groups, self.channels_per_group = checked_groups(groups, channels_per_group)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self._groups = group_shape(self._channel_shape, self.groups, self.channels_per_group)
        self.v = self._channel_weight("v", initializer="ones")

    def call(self, inputs, mask=None) -> Any:
        x = full_precision(inputs)
        cells = Cells(x, self._channel_axes)
        gamma, beta = self._gamma_and_beta(x.dtype, self._groups)
        variance = cells.moments(x, mask).reshape((-1, *self._groups)).pool(-1).variance
        scale = cells.spread(ops.rsqrt(variance + self.epsilon) * gamma)
        v = cells.spread(ops.cast(self.v, x.dtype))
        outputs = x * ops.sigmoid(v * x) * scale + cells.spread(beta)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = {"groups": self.groups, "channels_per_group": self.channels_per_group}
        return {**super().get_config(), **config}
