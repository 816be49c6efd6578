"""The base class of activation functions with trainable weights for every channel."""

from typing import Any

from keras import ops

from keras_ddl.layers.normalization.affine import OPTIONS, ChannelLayer, weight_config


class ChannelActivation(ChannelLayer):
    """An activation function whose weights have one entry for every channel.

    Subclasses name their weights in `weight_names` and define `activate`.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        options: a dictionary with `<weight>_initializer`, `<weight>_regularizer` and
            `<weight>_constraint` for each weight. Only the initializer is required.
        **kwargs: passed to `keras.layers.Layer`.
    """

    weight_names: tuple[str, ...] = ()

    def __init__(self, axis, options, **kwargs):
        super().__init__(axis, **kwargs)
        for weight in self.weight_names:
            for option, module in OPTIONS.items():
                name = f"{weight}_{option}"
                setattr(self, name, module.get(options.get(name)))

    def build(self, input_shape) -> None:
        super().build(input_shape)
        for name in self.weight_names:
            setattr(self, name, self._channel_weight(name))

    def call(self, inputs) -> Any:
        x = ops.cast(inputs, self.compute_dtype)
        shape = [1] * len(inputs.shape)
        for axis, size in zip(self._channel_axes, self._channel_shape, strict=True):
            shape[axis] = size
        weights = (getattr(self, name) for name in self.weight_names)
        return self.activate(x, *(ops.reshape(ops.cast(one, x.dtype), shape) for one in weights))

    def activate(self, x, *weights) -> Any:
        """Apply the function to the input. The weights broadcast against the input."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in self.weight_names:
            config.update(weight_config(self, name))
        return config
