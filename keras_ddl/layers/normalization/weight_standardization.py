"""Weight standardization."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import positive
from keras_ddl.layers.normalization.kernel import KernelWrapper


@keras.saving.register_keras_serializable(package="keras_ddl")
class WeightStandardization(KernelWrapper):
    """Wraps Dense or a convolution and standardizes its kernel.

    In every step the incoming weights of each output unit are standardized to mean 0 and variance
    1, and gradients flow through the standardization. Combined with group normalization after it
    (GN+WS), training with batches of one or two examples comes close to batch normalization with
    large batches.

    A standardized kernel has large values: `n` inputs of variance 1 result in outputs of variance
    `n`. Use a normalization layer after it.

    Args:
        layer: Dense, a convolution, a depthwise or a transposed convolution. Other wrappers must
            not share it.
        epsilon: positive float added to the variance of the weights. Default 1e-5.
        **kwargs: passed to `keras.layers.Wrapper`.

    Call arguments:
        inputs: the inputs of the wrapped layer.

    Output shape: same as that of the wrapped layer.

    Example:

    >>> layer = WeightStandardization(keras.layers.Conv2D(64, 3, use_bias=False))
    >>> layer(keras.ops.ones((8, 32, 32, 3))).shape
    (8, 30, 30, 64)

    The convolution runs with `layer.effective_kernel()`; the trained weight is
    `layer.layer.kernel`.

    Raises:
        ValueError: if `layer` is of another kind or `epsilon` is not positive.

    Reference: Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight
    Standardization", 2019, arXiv 1903.10520.
    """

    def __init__(self, layer, epsilon=1e-5, **kwargs):
        super().__init__(layer, **kwargs)
        self.epsilon = positive("epsilon", epsilon)

    def effective_kernel(self) -> Any:
        kernel = self._kernel()
        deviation = kernel - ops.mean(kernel, axis=self.fan_in_axes, keepdims=True)
        variance = ops.mean(ops.square(deviation), axis=self.fan_in_axes, keepdims=True)
        return deviation * ops.rsqrt(variance + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
