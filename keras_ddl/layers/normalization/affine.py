"""Base classes of layers with channel axes and with weights for every channel."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from keras_ddl._checks import is_integer, positive

# What a weight may have, as the suffix of a constructor argument, and Keras' module for it.
OPTIONS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


class ChannelLayer(keras.layers.Layer):
    """A layer whose weights have one entry per channel, and that computes in float32 or better.

    Keras does not cast the inputs (`autocast` is False). In `call`, subclasses cast them with
    `full_precision`, and their outputs to `compute_dtype`. The layers pass masks on unchanged,
    because they keep the shape. `build` does not modify the constructor arguments, so the config of
    a built layer can make a layer for inputs of another shape.

    Args:
        axis: the channel axis: an integer, or a tuple of integers if the subclass allows it.
        **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if not as_tuple(axis) or not all(map(is_integer, as_tuple(axis))):
            raise ValueError(
                "`axis` must be an integer, the axis of the channels, or a tuple of integers. "
                f"Received: axis={axis!r}"
            )
        if 0 in as_tuple(axis):
            raise ValueError(f"`axis` must not contain 0, the batch axis. Received: axis={axis!r}")
        self.supports_masking = True
        self.autocast = False
        # Configs are stored as JSON, which has neither NumPy's integers nor tuples.
        self.axis = int(axis) if is_integer(axis) else [int(number) for number in axis]

    def build(self, input_shape) -> None:
        self._channel_axes = channel_axes(self.axis, input_shape)
        dims = {axis: input_shape[axis] for axis in self._channel_axes}
        self._channel_shape = tuple(dims.values())
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes=dims)

    def _channel_weight(self, name, **options):
        """Add a weight with one entry per channel.

        Its initializer, regularizer and constraint are the attributes `<name>_initializer` etc.
        """
        for option in OPTIONS:
            options.setdefault(option, getattr(self, f"{name}_{option}", None))
        return self.add_weight(shape=self._channel_shape, name=name, autocast=False, **options)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        channel_axes(self.axis, input_shape)  # raises if `axis` does not fit the shape
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class AffineNormalization(ChannelLayer):
    """Base class of layers that normalize and then compute `gamma * x + beta` for each channel.

    It holds the arguments and the weights. Subclasses write `call`, which normalizes.

    Args:
        axis: as in `ChannelLayer`.
        epsilon: positive float, which subclasses add to the variance. Default 1e-3.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
            gamma_constraint: as in `keras.layers.GroupNormalization`.
        **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(  # noqa: PLR0917  (the order of arguments in Keras' normalization layers)
        self,
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
        **kwargs,
    ):
        super().__init__(axis=axis, **kwargs)
        self.epsilon = positive("epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = None
        self.beta = None

    def build(self, input_shape) -> None:
        super().build(input_shape)
        if self.scale:
            self.gamma = self._channel_weight("gamma")
        if self.center:
            self.beta = self._channel_weight("beta")

    def _gamma_and_beta(self, dtype, shape=(1, -1)):
        """Both weights, reshaped. A missing gamma is replaced by ones, a missing beta by zeros.

        The default shape fits inputs that are reshaped to (rows, channels).
        """
        size = self._channel_shape
        gamma = ops.ones(size) if self.gamma is None else self.gamma
        beta = ops.zeros(size) if self.beta is None else self.beta
        return tuple(ops.reshape(ops.cast(weight, dtype), shape) for weight in (gamma, beta))

    def get_config(self) -> dict[str, Any]:
        config = {name: getattr(self, name) for name in ("epsilon", "center", "scale")}
        for name in ("beta", "gamma"):
            config.update(weight_config(self, name))
        return {**super().get_config(), **config}


def weight_config(layer, name) -> dict[str, Any]:
    """The serialized initializer, regularizer and constraint of the layer's weight `name`."""
    return {
        f"{name}_{option}": module.serialize(getattr(layer, f"{name}_{option}"))
        for option, module in OPTIONS.items()
    }


def as_tuple(axis) -> tuple:
    return tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)


def channel_axes(axis, input_shape) -> tuple[int, ...]:
    """The axes in `axis` as sorted, non-negative numbers, checked against an input shape."""
    rank = len(input_shape)
    axes = as_tuple(axis)
    if not axes or any(not -rank <= a < rank for a in axes):
        raise ValueError(
            f"`axis` must name axes of the input. Received: axis={axis!r}, "
            f"input_shape={tuple(input_shape)}"
        )
    axes = tuple(sorted(a % rank for a in axes))
    if axes[0] == 0 or len(set(axes)) < len(axes):
        raise ValueError(
            "`axis` must name different axes, and not axis 0, the batch axis. "
            f"Received: axis={axis!r}, input_shape={tuple(input_shape)}"
        )
    if any(input_shape[a] is None for a in axes):
        raise ValueError(
            f"The channel axis {axis!r} must have a known size: set it in keras.Input. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    return axes
