"""The part that normalization layers have in common: channel axes, gamma and beta."""

import keras
from keras import constraints, initializers, regularizers

WEIGHTS = ("beta", "gamma")
GETTERS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


class AffineNormalization(keras.layers.Layer):
    """A normalization of channels, then `gamma * x + beta` channel by channel.

    Statistics are computed in float32 whatever the dtype policy, and cast back: subclasses cast
    their inputs with `full_precision`. `build` changes no argument of the constructor, so a config
    taken from a built layer makes a layer that fits other inputs.

    Args:
        axis: integer, or tuple of integers where the subclass says so: the channels.
        epsilon: positive float.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
            gamma_constraint: as in `keras.layers.GroupNormalization`.
        **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(
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
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon!r}")
        if 0 in as_tuple(axis):
            raise ValueError(
                "`axis` must not hold 0, the batch: examples are normalized apart, and channels "
                f"are what gamma and beta belong to. Received: axis={axis!r}"
            )
        self.supports_masking = True
        self.autocast = False
        self.axis = axis
        self.epsilon = epsilon
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

    def build(self, input_shape):
        self._channel_axes = channel_axes(self.axis, input_shape)
        dims = {axis: input_shape[axis] for axis in self._channel_axes}
        self._channel_shape = tuple(dims.values())
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes=dims)
        if self.scale:
            self.gamma = self._channel_weight("gamma")
        if self.center:
            self.beta = self._channel_weight("beta")

    def _channel_weight(self, name):
        """A weight with one entry per channel; its options are the attributes of that name."""
        options = {kind: getattr(self, f"{name}_{kind}", None) for kind in GETTERS}
        return self.add_weight(shape=self._channel_shape, name=name, autocast=False, **options)

    def compute_output_shape(self, input_shape):
        channel_axes(self.axis, input_shape)
        return input_shape

    def get_config(self):
        config = {name: getattr(self, name) for name in ("axis", "epsilon", "center", "scale")}
        for weight in WEIGHTS:
            config.update(weight_config(self, weight))
        return {**super().get_config(), **config}


def weight_config(layer, weight):
    """The serialized initializer, regularizer and constraint of one of the layer's weights."""
    return {
        f"{weight}_{kind}": module.serialize(getattr(layer, f"{weight}_{kind}"))
        for kind, module in GETTERS.items()
    }


def as_tuple(axis):
    return tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)


def channel_axes(axis, input_shape):
    """The axes of `axis` from 1 up, ascending, checked against the shape of an input."""
    rank = len(input_shape)
    axes = as_tuple(axis)
    if not axes or any(not -rank <= a < rank for a in axes):
        raise ValueError(
            f"`axis` must name axes of the input. Received: axis={axis!r}, "
            f"input_shape={tuple(input_shape)}"
        )
    axes = sorted(a % rank for a in axes)
    if axes[0] == 0 or len(set(axes)) < len(axes):
        raise ValueError(
            "`axis` must name different axes, and not the batch, axis 0. "
            f"Received: axis={axis!r}, input_shape={tuple(input_shape)}"
        )
    if any(input_shape[a] is None for a in axes):
        raise ValueError(
            f"The channels, axis {axis!r}, must have a known size: give it in keras.Input. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    return tuple(axes)
