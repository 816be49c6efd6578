"""Adaptive instance normalization."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import positive
from keras_ddl.layers._precision import full_precision
from keras_ddl.layers.normalization.affine import ChannelLayer
from keras_ddl.layers.normalization.moments import Cells


@keras.saving.register_keras_serializable(package="keras_ddl")
class AdaptiveInstanceNormalization(ChannelLayer):
    """Gives each channel of an image the mean and standard deviation of another image's channel.

    ```
    std(style) * (content - mean(content)) / std(content) + mean(style)
    ```

    Means and standard deviations are those of each channel of each example, and
    `std = sqrt(variance + epsilon)`. The layer has no weights. It transfers the style of an image
    in a feature space such as that of VGG.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        epsilon: positive float added to variances. Default 1e-5.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: list `[content, style]` of tensors of the same rank, with the same batch size and
            the same channels. Their other sizes may differ.

    Output shape: that of `content`.

    Example:

    >>> content, style = keras.ops.ones((8, 32, 32, 64)), keras.ops.ones((8, 16, 16, 64))
    >>> AdaptiveInstanceNormalization()([content, style]).shape
    (8, 32, 32, 64)

    Raises:
        ValueError: if `inputs` is not a list of two tensors, their channels differ, or `epsilon` is
            not positive.

    Reference: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance
    Normalization", arXiv 1703.06868 (2017).
    """

    def __init__(self, axis=-1, epsilon=1e-5, **kwargs):
        super().__init__(axis=axis, **kwargs)
        self.epsilon = positive("epsilon", epsilon)

    def build(self, input_shape) -> None:
        if not isinstance(input_shape, list | tuple) or len(input_shape) != 2:
            raise ValueError(
                f"`inputs` must be a list [content, style]. Received: inputs of shape {input_shape}"
            )
        content, style = input_shape
        super().build(content)
        self.input_spec = [self.input_spec, self.input_spec]
        if [content[a] for a in self._channel_axes] != [style[a] for a in self._channel_axes]:
            raise ValueError(
                "`content` and `style` must have the same channels. "
                f"Received: inputs of shapes {tuple(content)} and {tuple(style)}"
            )

    def call(self, inputs) -> Any:
        content, style = (full_precision(one) for one in inputs)
        if content.dtype != style.dtype:
            content, style = (ops.cast(one, "float64") for one in (content, style))
        cells, style_cells = (Cells(one, self._channel_axes) for one in (content, style))
        mean, variance, _ = cells.moments(content)
        style_mean, style_variance, _ = style_cells.moments(style)
        scale = ops.sqrt((style_variance + self.epsilon) / (variance + self.epsilon))
        outputs = (content - cells.spread(mean)) * cells.spread(scale) + cells.spread(style_mean)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return tuple(input_shape[0])

    def compute_mask(self, inputs, previous_mask) -> Any:
        return previous_mask[0] if isinstance(previous_mask, list | tuple) else previous_mask

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
