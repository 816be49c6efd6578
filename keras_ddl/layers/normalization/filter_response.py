"""Filter response normalization and its activation."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from keras_ddl.layers._precision import full_precision, maximum
from keras_ddl.layers.normalization.affine import AffineNormalization, ChannelLayer, weight_config
from keras_ddl.layers.normalization.moments import Cells


@keras.saving.register_keras_serializable(package="keras_ddl")
class FilterResponseNormalization(AffineNormalization):
    """Filter response normalization: each channel of each example divided by its root mean square.

    `gamma * x / sqrt(mean(x^2) + epsilon) + beta`, the mean taken over the axes that are neither
    batch nor channels. Nothing is subtracted and nothing depends on the batch. As activations are
    then not centred, use it with `ThresholdedLinearUnit` in place of ReLU.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        epsilon: positive float added to the mean square. Default 1e-6.
        learned_epsilon: whether to add the absolute value of a trained scalar, which starts at
            1e-4, to `epsilon`: where few values are averaged, as after the last pooling, the
            paper asks for it. Default False.
        center: whether to add `beta`. Default True.
        scale: whether to multiply by `gamma`. Default True.
        beta_initializer: initializer of `beta`. Default zeros.
        gamma_initializer: initializer of `gamma`. Default ones.
        beta_regularizer: optional regularizer of `beta`.
        gamma_regularizer: optional regularizer of `gamma`.
        beta_constraint: optional constraint of `beta`.
        gamma_constraint: optional constraint of `gamma`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.
        mask: optional boolean tensor whose axes stand for the first axes of the input. Where it
            is False the input does not count.

    Output shape: the input's.

    Example:

    >>> block = keras.Sequential([FilterResponseNormalization(), ThresholdedLinearUnit()])
    >>> block(keras.ops.ones((8, 32, 32, 16))).shape
    (8, 32, 32, 16)

    Reference: Singh and Krishnan, "Filter Response Normalization Layer", 2019, arXiv 1911.09737.
    """

    def __init__(
        self, axis=-1, epsilon=1e-6, center=True, scale=True, learned_epsilon=False, **kwargs
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.learned_epsilon = learned_epsilon

    def build(self, input_shape) -> None:
        super().build(input_shape)
        if self.learned_epsilon:
            self.extra_epsilon = self.add_weight(
                shape=(),
                initializer=initializers.Constant(1e-4),
                autocast=False,
                name="extra_epsilon",
            )

    def call(self, inputs, mask=None) -> Any:
        x = full_precision(inputs)
        cells = Cells(x, self._channel_axes)
        gamma, beta = self._gamma_and_beta(x.dtype)
        if mask is None:
            mean_square = cells.mean(ops.square(x))
        else:
            mean, variance, _ = cells.moments(x, mask)
            mean_square = variance + ops.square(mean)
        if self.learned_epsilon:
            mean_square = mean_square + ops.abs(ops.cast(self.extra_epsilon, x.dtype))
        scale = ops.rsqrt(mean_square + self.epsilon) * gamma
        outputs = x * cells.spread(scale) + cells.spread(beta)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "learned_epsilon": self.learned_epsilon}


@keras.saving.register_keras_serializable(package="keras_ddl")
class ThresholdedLinearUnit(ChannelLayer):
    """The activation `max(x, tau)`, with a trained threshold `tau` for every channel.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        tau_initializer: initializer of `tau`. Default zeros, which is ReLU.
        tau_regularizer: optional regularizer of `tau`.
        tau_constraint: optional constraint of `tau`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.

    Output shape: the input's.

    Reference: Singh and Krishnan, "Filter Response Normalization Layer", 2019, arXiv 1911.09737.
    """

    def __init__(
        self,
        axis=-1,
        tau_initializer="zeros",
        tau_regularizer=None,
        tau_constraint=None,
        **kwargs,
    ):
        super().__init__(axis, **kwargs)
        self.tau_initializer = initializers.get(tau_initializer)
        self.tau_regularizer = regularizers.get(tau_regularizer)
        self.tau_constraint = constraints.get(tau_constraint)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.tau = self._channel_weight("tau")

    def call(self, inputs) -> Any:
        x = ops.cast(inputs, self.compute_dtype)
        shape = [1] * len(inputs.shape)
        for axis, size in zip(self._channel_axes, self._channel_shape, strict=True):
            shape[axis] = size
        return maximum(x, ops.reshape(ops.cast(self.tau, x.dtype), shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **weight_config(self, "tau")}
