"""Filter response normalization."""

from typing import Any

import keras
from keras import constraints, initializers, ops

from keras_ddl.layers._precision import full_precision
from keras_ddl.layers.normalization.affine import AffineNormalization
from keras_ddl.layers.normalization.moments import Cells


@keras.saving.register_keras_serializable(package="keras_ddl")
class FilterResponseNormalization(AffineNormalization):
    """Filter response normalization: each channel of each example divided by its root mean square.

    The output is `gamma * x / sqrt(mean(x^2) + epsilon) + beta`. The mean is taken over the axes
    that are neither the batch nor channels. No mean is subtracted, and the output for an example
    does not depend on the other examples of the batch. Since the activations are not centred, use
    `ThresholdedLinearUnit` after it instead of ReLU.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        epsilon: positive float added to the mean square. Default 1e-6.
        learned_epsilon: whether to add the absolute value of a trainable scalar to `epsilon`. The
            scalar starts at 1e-4. The paper recommends it where the mean is taken over few values,
            as after the last pooling. Default False.
        learned_epsilon_constraint: optional constraint of this scalar.
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
        mask: optional boolean tensor whose axes correspond to the first axes of the input. Entries
            where it is False are left out of the statistics.

    Output shape: same as the input shape.

    Example:

    >>> block = keras.Sequential([FilterResponseNormalization(), ThresholdedLinearUnit()])
    >>> block(keras.ops.ones((8, 32, 32, 16))).shape
    (8, 32, 32, 16)

    Reference: Singh and Krishnan, "Filter Response Normalization Layer", 2019, arXiv 1911.09737.
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-6,
        center=True,
        scale=True,
        learned_epsilon=False,
        *,
        learned_epsilon_constraint=None,
        **kwargs,
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.learned_epsilon = learned_epsilon
        self.learned_epsilon_constraint = constraints.get(learned_epsilon_constraint)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        if self.learned_epsilon:
            self.extra_epsilon = self.add_weight(
                shape=(),
                initializer=initializers.Constant(1e-4),
                constraint=self.learned_epsilon_constraint,
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
        constraint = constraints.serialize(self.learned_epsilon_constraint)
        return {
            **super().get_config(),
            "learned_epsilon": self.learned_epsilon,
            "learned_epsilon_constraint": constraint,
        }
