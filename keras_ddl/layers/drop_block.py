"""DropBlock: dropout of contiguous regions."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import data_format as standardized
from keras_ddl._checks import positive_integer
from keras_ddl.layers._sizes import at_least
from keras_ddl.layers.dropout import VariableDropout


@keras.saving.register_keras_serializable(package="keras_ddl")
class DropBlock2D(VariableDropout):
    """Drops square regions of feature maps.

    Neighbouring units of a feature map are strongly correlated, so dropping single units removes
    little information. In training, squares of `block_size` by `block_size` units are dropped at
    random positions in each channel of each example. The expected fraction of dropped units is
    about `rate`, and lower where squares overlap. The other units of an example are divided by the
    fraction that remains in this example. At inference the layer is the identity.

    In the paper the rate grows linearly from 0 during training. `rate` is a weight, as in
    `VariableDropout`: assigning a new value does not recompile the model.

    Args:
        rate: float in [0, 1], the fraction of units to drop.
        block_size: positive integer, the side length of the squares, or a pair of them, the height
            and width of rectangles. If the feature map is smaller, a rectangle covers its whole
            side. Default 7.
        seed: optional integer, the seed of the layer's random stream.
        data_format: "channels_last", "channels_first", or None for Keras' setting.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: feature maps `(batch, rows, columns, channels)`, or with the channels first.
        training: whether units are dropped. `fit` sets it; default False.

    Output shape: same as the input shape.

    Example:

    >>> layer = DropBlock2D(0.1, block_size=5)
    >>> layer(keras.ops.ones((8, 32, 32, 16)), training=True).shape
    (8, 32, 32, 16)

    Raises:
        ValueError: if `rate` is not in [0, 1] or `block_size` is neither a positive integer nor a
            pair of them.

    Reference: Ghiasi et al., "DropBlock: A regularization method for convolutional networks",
    arXiv 1810.12890 (2018).
    """

    def __init__(self, rate, block_size=7, seed=None, data_format=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.block_size = _int_or_pair(block_size)
        self.data_format = standardized(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)
        self.supports_masking = False

    def call(self, inputs, training=False) -> Any:
        inputs = ops.cast(inputs, self.compute_dtype)  # integers too
        if not training:
            return inputs
        first = self.data_format == "channels_first"
        shape = ops.shape(inputs)
        kept = ops.cast(ops.logical_not(self._lost(shape, rows=2 if first else 1)), "float32")
        # Each example has its own scale, so that examples do not depend on each other.
        share = ops.mean(kept, axis=(1, 2, 3), keepdims=True)
        scale = kept / ops.maximum(share, keras.config.epsilon())
        return inputs * ops.cast(scale, inputs.dtype)

    def _lost(self, shape, rows):
        """A boolean mask: whether a unit is inside a dropped square."""
        sides = self.block_size
        sides = (sides, sides) if isinstance(sides, int) else sides
        sizes = shape[rows : rows + 2]
        # Squares lie entirely within the feature map. This is the number of possible positions of
        # the upper left corner along each axis.
        places = [at_least(size - side, 0) + 1 for size, side in zip(sizes, sides, strict=True)]
        share = self._rate
        for size, count in zip(sizes, places, strict=True):
            length = size - count + 1  # of the square: its side, or the map's size if smaller
            share = share * ops.cast(size, "float32") / ops.cast(count * length, "float32")
        noise = (*shape[:rows], *places, *shape[rows + 2 :])
        uniform = keras.random.uniform(noise, dtype="float32", seed=self.seed_generator)
        corners = uniform < share
        widths = [(0, 0)] * 4
        widths[rows], widths[rows + 1] = ((side - 1, side - 1) for side in sides)
        squares = ops.pad(corners, widths)
        for axis, side in enumerate(sides, start=rows):
            squares = _any_of_window(squares, axis, side)
        rest = (slice(None),) * rows
        return squares[(*rest, slice(sizes[0]), slice(sizes[1]))]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return {**config, "block_size": self.block_size, "data_format": self.data_format}


def _any_of_window(flags, axis, side):
    """Whether any of `side` neighbours along an axis is True, for all places of the window.

    Each step doubles the reach, so it takes log2(side) operations on booleans. Max pooling takes
    several times as long on a CPU.
    """
    before, reach = (slice(None),) * axis, 1
    while reach < side:
        step = min(reach, side - reach)
        flags = ops.logical_or(
            flags[(*before, slice(step, None))], flags[(*before, slice(None, -step))]
        )
        reach += step
    return flags


def _int_or_pair(value):
    """An integer, or a tuple of two integers."""
    if isinstance(value, list | tuple) and len(value) == 2:
        first, second = (positive_integer("block_size", side) for side in value)
        return first, second
    return positive_integer("block_size", value, " or a pair of them")
