"""Instance normalization."""

from typing import Any

import keras

from keras_ddl.layers.normalization.group import GroupNormalization


@keras.saving.register_keras_serializable(package="keras_ddl")
class InstanceNormalization(GroupNormalization):
    """Instance normalization: each channel of each example is normalized to mean 0 and variance 1.

    This is group normalization with one channel per group. It removes the contrast of an image,
    which helps style transfer and generators but often harms classifiers.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        epsilon: positive float added to the variance. Default 1e-3.
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
        inputs: tensor with at least one axis that is neither the batch axis nor a channel axis.
        mask: as in `GroupNormalization`.

    Output shape: same as the input shape.

    Example:

    >>> InstanceNormalization()(keras.ops.ones((8, 32, 32, 3))).shape
    (8, 32, 32, 3)

    Raises:
        ValueError: if all axes but the batch are channel axes (each entry would then become 0), if
            `axis` is None, or if `groups` or `channels_per_group` is passed.

    Reference: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast
    Stylization", 2016, arXiv 1607.08022.
    """

    def __init__(self, axis=-1, epsilon=1e-3, center=True, scale=True, **kwargs):
        for name in ("groups", "channels_per_group"):
            if name in kwargs:
                raise ValueError(
                    "InstanceNormalization has one channel per group; use GroupNormalization for "
                    f"other groups. Received: {name}={kwargs[name]!r}"
                )
        if axis is None:
            raise ValueError(
                "`axis` must name the channel axis. To normalize each example as a whole, use "
                "GroupNormalization(groups=1). Received: axis=None"
            )
        super().__init__(-1, axis, epsilon, center, scale, **kwargs)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        if len(self._channel_axes) == len(input_shape) - 1:
            raise ValueError(
                "InstanceNormalization averages over the axes that are neither batch nor "
                "channels, but the input has no such axis; use GroupNormalization or "
                "keras.layers.LayerNormalization. "
                f"Received: input_shape={tuple(input_shape)}, axis={self.axis!r}"
            )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["groups"], config["channels_per_group"]
        return config
