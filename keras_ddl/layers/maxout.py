"""Maxout: units that are the largest of several linear pieces."""

import functools

import keras
from keras import ops

from keras_ddl._checks import positive_integer


def _max_of_pieces(inputs, num_pieces, axis):
    """The elementwise maximum of `num_pieces` equal stretches along an axis."""
    # Faster than reshaping and reducing: TensorFlow's gradient of a split is one concatenation,
    # and the gradient of `maximum` compares once, where that of `max` counts ties and divides.
    return functools.reduce(ops.maximum, ops.split(inputs, num_pieces, axis=axis))


@keras.saving.register_keras_serializable(package="keras_ddl")
class Maxout(keras.layers.Layer):
    """The largest of several channels, for each of `num_units` units.

    Unit `u` takes the channels `u`, `u + num_units`, `u + 2 * num_units` and so on, as in
    TensorFlow Addons, whose layer of this name it replaces.

    Args:
        num_units: positive integer, the number of channels that come out. The input's channels
            must be a multiple of it.
        axis: integer, the axis of the channels; not the batch. Default -1.
        **kwargs: passed to `keras.layers.Layer`.

    Input shape: any, with a known size of `axis`.

    Output shape: the input's, with `num_units` in place of the size of `axis`.

    Example:

    >>> layer = Maxout(3)
    >>> layer(np.array([[1.0, 5.0, 2.0, 0.0, 4.0, 9.0]]))
    [[1., 5., 9.]]

    Raises:
        ValueError: if `num_units` or `axis` is not such an integer, or if the channels of an input
            are not a multiple of `num_units`.

    Reference: Goodfellow et al., "Maxout Networks", arXiv 1302.4389 (2013).
    """

    def __init__(self, num_units, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.num_units = positive_integer("num_units", num_units)
        if not isinstance(axis, int) or isinstance(axis, bool) or axis == 0:
            raise ValueError(
                "`axis` must be an integer other than 0, the axis of the batch. "
                f"Received: axis={axis!r}"
            )
        self.axis = axis
        self.supports_masking = True
        self.built = True  # it has no weights

    def call(self, inputs):
        num_pieces = self._num_pieces(inputs.shape)
        return _max_of_pieces(inputs, num_pieces, self.axis)

    def compute_output_shape(self, input_shape):
        self._num_pieces(input_shape)
        shape = list(input_shape)
        shape[self.axis] = self.num_units
        return tuple(shape)

    def _num_pieces(self, shape):
        rank = len(shape)
        if not -rank < self.axis < rank:
            raise ValueError(
                f"`axis` must be an axis of the input, and not the batch. Received: "
                f"axis={self.axis} and an input of shape {tuple(shape)}"
            )
        channels = shape[self.axis]
        if not channels or channels % self.num_units:
            raise ValueError(
                f"The input's channels must be a multiple of `num_units`. Received: {channels} "
                f"channels in axis {self.axis} of an input of shape {tuple(shape)}, and "
                f"num_units={self.num_units}"
            )
        return channels // self.num_units

    def get_config(self):
        return {**super().get_config(), "num_units": self.num_units, "axis": self.axis}
