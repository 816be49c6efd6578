"""Group normalization."""

import math
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import positive_integer
from keras_ddl.layers._precision import full_precision
from keras_ddl.layers.normalization import native
from keras_ddl.layers.normalization.affine import AffineNormalization
from keras_ddl.layers.normalization.grouping import normalize_groups, normalize_masked_groups
from keras_ddl.layers.normalization.moments import Cells

DEFAULT_GROUPS = 32


@keras.saving.register_keras_serializable(package="keras_ddl")
class GroupNormalization(AffineNormalization):
    """Group normalization, a drop-in replacement for `keras.layers.GroupNormalization`.

    The channels of every example are divided into groups of neighbours, and each group is
    normalized to mean 0 and variance 1. The output for an example does not depend on the other
    examples of the batch, so training and inference agree at any batch size.

    The arguments and weights are those of core's layer. The differences are:

    - Masked steps are left out of the statistics.
    - `channels_per_group` suits networks whose layers differ in width.
    - The channels may extend over several axes.
    - It is faster, and more accurate if the mean is large: the mean is subtracted first, sums are
      taken channel by channel and then combined, and the gradient is written by hand. On PyTorch a
      native kernel does both.
    - `build` does not change the config, and the batch axis is rejected as channel axis.

    Args:
        groups: number of groups, a divisor of the number of channels. -1 puts each channel in a
            separate group. Default 32.
        axis: integer or tuple of integers, the axes of the channels. Several axes are flattened to
            one, in the order of the input. Default -1.
        epsilon: positive float added to the variance. Default 1e-3.
        center: whether to add `beta`. Default True.
        scale: whether to multiply by `gamma`. Default True.
        beta_initializer: initializer of `beta`. Default zeros.
        gamma_initializer: initializer of `gamma`. Default ones.
        beta_regularizer: optional regularizer of `beta`.
        gamma_regularizer: optional regularizer of `gamma`.
        beta_constraint: optional constraint of `beta`.
        gamma_constraint: optional constraint of `gamma`.
        channels_per_group: optional number of channels in each group, instead of `groups`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.
        mask: optional boolean tensor whose axes correspond to the first axes of the input, such as
            (batch, time). Entries where it is False are left out of the statistics.

    Output shape: same as the input shape.

    Example:

    >>> layer = GroupNormalization(channels_per_group=2)
    >>> layer(keras.ops.ones((8, 32, 32, 6))).shape
    (8, 32, 32, 6)

    On JAX the layer supports reverse-mode differentiation only, because it uses
    `keras.ops.custom_gradient`.

    Raises:
        ValueError: if `groups` or `channels_per_group` is not a positive integer, if both are set,
            if they do not divide the number of channels, or if `axis` contains the batch axis.

    Reference: Wu and He, "Group Normalization", 2018, arXiv 1803.08494.
    """

    def __init__(  # noqa: PLR0917  (core's order)
        self,
        groups=DEFAULT_GROUPS,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        *,
        channels_per_group=None,
        **kwargs,
    ):
        super().__init__(
            axis=axis,
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.groups, self.channels_per_group = checked_groups(groups, channels_per_group)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self._groups = group_shape(self._channel_shape, self.groups, self.channels_per_group)

    def call(self, inputs, mask=None) -> Any:
        x = full_precision(inputs)
        cells = Cells(x, self._channel_axes)
        gamma, beta = self._gamma_and_beta(x.dtype, self._groups)
        if mask is not None:
            outputs = normalize_masked_groups(cells, self.epsilon, x, mask, gamma, beta)
        elif native.has_group_norm(self._channel_axes):
            outputs = native.group_norm(x, self._channel_axes[0], gamma, beta, self.epsilon)
        else:
            outputs = normalize_groups(cells, self.epsilon, x, gamma, beta)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = {"groups": self.groups, "channels_per_group": self.channels_per_group}
        return {**super().get_config(), **config}


def checked_groups(groups, channels_per_group) -> tuple[int, int | None]:
    """Both arguments, if they are valid and only one of them is set."""
    if groups != -1:
        groups = positive_integer("groups", groups, " or -1")
    if channels_per_group is None:
        return groups, None
    channels_per_group = positive_integer("channels_per_group", channels_per_group, " or None")
    if groups != DEFAULT_GROUPS:
        raise ValueError(
            "Set `groups` or `channels_per_group`, not both. "
            f"Received: groups={groups!r}, channels_per_group={channels_per_group!r}"
        )
    return groups, channels_per_group


def group_shape(channel_shape, groups, channels_per_group) -> tuple[int, int]:
    """(groups, channels per group) for the shape of the channel axes."""
    channels = math.prod(channel_shape)
    if channels_per_group is not None:
        if channels % channels_per_group:
            raise ValueError(
                "`channels_per_group` must divide the number of channels. "
                f"Received: channels_per_group={channels_per_group}, channels={channels}"
            )
        return channels // channels_per_group, channels_per_group
    if groups == -1:
        return channels, 1
    if channels % groups:
        raise ValueError(
            "`groups` must divide the number of channels. If layers differ in width, use "
            "`channels_per_group`. "
            f"Received: groups={groups}, channels={channels}"
        )
    return groups, channels // groups
