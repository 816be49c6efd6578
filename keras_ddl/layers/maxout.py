"""Maxout: units that are the largest of several linear pieces."""

import functools
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import is_integer, positive_integer
from keras_ddl.layers._precision import maximum

# Arguments that the maxout layers pass to their inner linear layer.
_LINEAR = (
    "use_bias",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
# Entries of the linear layer's config that quantization changes.
_QUANTIZED = ("dtype", "quantization_config")
_CONVOLUTION = ("kernel_size", "strides", "padding", "data_format", "dilation_rate")


def _max_of_pieces(inputs, num_pieces, axis):
    """The elementwise maximum of `num_pieces` equal parts along an axis."""
    # This is faster than `max` over a reshaped axis. TensorFlow's gradient of `split` is one
    # concatenation, and the gradient of `maximum` needs one comparison, while that of `max` counts
    # ties and divides.
    return functools.reduce(maximum, ops.split(inputs, num_pieces, axis=axis))


@keras.saving.register_keras_serializable(package="keras_ddl")
class Maxout(keras.layers.Layer):
    """The maximum over groups of channels, one group for each of `num_units` units.

    Unit `u` is the maximum of the channels `u`, `u + num_units`, `u + 2 * num_units` and so on.
    The layer replaces the one of the same name in TensorFlow Addons.

    Args:
        num_units: positive integer, the number of output channels. The number of input channels
            must be a multiple of it.
        axis: integer, the axis of the channels. It cannot be the batch axis. Default -1.
        **kwargs: passed to `keras.layers.Layer`.

    Input shape: any. The size of `axis` may be unknown when the model is built.

    Output shape: same as the input shape, but with size `num_units` along `axis`.

    Example:

    >>> layer = Maxout(3)
    >>> layer(np.array([[1.0, 5.0, 2.0, 0.0, 4.0, 9.0]]))
    [[1., 5., 9.]]

    Raises:
        ValueError: if `num_units` is not a positive integer, `axis` is not an integer or is the
            batch axis, or the number of input channels is not a multiple of `num_units`.

    Reference: Goodfellow et al., "Maxout Networks", arXiv 1302.4389 (2013).
    """

    def __init__(self, num_units, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.num_units = positive_integer("num_units", num_units)
        if not is_integer(axis) or axis == 0:
            raise ValueError(
                f"`axis` must be an integer other than 0, the batch axis. Received: axis={axis!r}"
            )
        self.axis = int(axis)
        self.supports_masking = True
        self.built = True  # it has no weights

    def call(self, inputs) -> Any:
        num_pieces = self._num_pieces(inputs.shape)
        inputs = ops.cast(inputs, self.compute_dtype)  # integers too
        if num_pieces is None:
            axis, shape = self.axis % len(inputs.shape), ops.shape(inputs)
            pieces = ops.reshape(inputs, (*shape[:axis], -1, self.num_units, *shape[axis + 1 :]))
            return ops.max(pieces, axis=axis)
        return _max_of_pieces(inputs, num_pieces, self.axis)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        self._num_pieces(input_shape)
        shape = list(input_shape)
        shape[self.axis] = self.num_units
        return tuple(shape)

    def _num_pieces(self, shape):
        rank = len(shape)
        if not -rank < self.axis < rank:
            raise ValueError(
                f"`axis` must be an axis of the input, but not the batch axis. Received: "
                f"axis={self.axis} and an input of shape {tuple(shape)}"
            )
        channels = shape[self.axis]
        if channels is None:
            return None
        if not channels or channels % self.num_units:
            raise ValueError(
                f"The number of channels must be a multiple of `num_units`. Received: {channels} "
                f"channels in axis {self.axis} of an input of shape {tuple(shape)}, and "
                f"num_units={self.num_units}"
            )
        return channels // self.num_units

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_units": self.num_units, "axis": self.axis}


class _MaxoutOfLinear(keras.layers.Layer):
    """The maximum of several linear pieces, which one wide linear layer computes together.

    This class contains a linear layer and is not a subclass of it, because other code assumes that
    the output of a `Dense` or `Conv2D` is linear in its kernel.
    """

    def __init__(self, linear, num_pieces, axis, activity_regularizer, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.linear = linear
        self.linear.dtype_policy = self.dtype_policy
        self.num_pieces = num_pieces
        self._axis = axis

    @property
    def kernel(self) -> Any:
        """The kernels of all pieces, side by side along the last axis."""
        return self.linear.kernel

    @property
    def bias(self) -> Any:
        """The biases of all pieces, one piece after the other. None if `use_bias` is False."""
        return self.linear.bias

    def build(self, input_shape) -> None:
        self.linear.build(input_shape)

    def call(self, inputs) -> Any:
        outputs = _max_of_pieces(self.linear(inputs), self.num_pieces, self._axis)
        return ops.cast(outputs, self.compute_dtype)  # on PyTorch core rounds float64 to float32

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        shape = list(self.linear.compute_output_shape(input_shape))
        shape[self._axis] //= self.num_pieces
        return tuple(shape)

    def _config(self, *names):
        linear = self.linear.get_config()
        config = {
            **super().get_config(),
            "num_pieces": self.num_pieces,
            **{name: linear[name] for name in (*names, *_LINEAR)},
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
        }
        if self.linear.quantization_mode:  # `quantize` sets it on the linear layer only
            config["quantized"] = {name: linear[name] for name in _QUANTIZED}
        return config

    @classmethod
    def from_config(cls, config) -> Any:
        quantized = config.get("quantized")
        rest = {name: value for name, value in config.items() if name != "quantized"}
        layer = super().from_config(rest)
        if quantized is not None:
            policy, settings = map(
                keras.saving.deserialize_keras_object, (quantized[name] for name in _QUANTIZED)
            )
            layer.linear.dtype_policy = policy
            layer.linear.quantization_config = settings
        return layer


@keras.saving.register_keras_serializable(package="keras_ddl")
class MaxoutDense(_MaxoutOfLinear):
    """A dense layer in which each unit is the maximum of several linear pieces.

    Each unit computes `max(w1 x + b1, ..., wk x + bk)` with `k = num_pieces`, a learned, convex and
    piecewise linear function. With two pieces it can become ReLU, leaky ReLU or the absolute value.
    The layer has `num_pieces` times as many weights as a dense layer with the same number of units.
    All pieces are computed in one matrix product.

    Args:
        units: positive integer, the size of the output.
        num_pieces: positive integer, the number of linear pieces of each unit. Default 2.
        use_bias: whether each piece has a bias. Default True.
        kernel_initializer: initializer of the kernel `(inputs, num_pieces * units)`. Fan-in and
            fan-out are computed from this shape. Piece `i` of unit `u` is column `i * units + u`.
            Default "glorot_uniform".
        bias_initializer: initializer of the bias `(num_pieces * units,)`. Default "zeros".
        kernel_regularizer, bias_regularizer: optional regularizers of the kernel and the bias.
        activity_regularizer: optional regularizer of the output.
        kernel_constraint, bias_constraint: optional constraints of the kernel and the bias.
        **kwargs: passed to `keras.layers.Layer`.

    Input shape: `(batch, ..., inputs)`.

    Output shape: `(batch, ..., units)`.

    Example:

    >>> layer = MaxoutDense(2, num_pieces=3)
    >>> layer(np.ones((4, 5))).shape, layer.count_params()
    ((4, 2), 36)

    Raises:
        ValueError: if `units` or `num_pieces` is not a positive integer.

    Reference: Goodfellow et al., "Maxout Networks", arXiv 1302.4389 (2013).
    """

    def __init__(
        self,
        units,
        num_pieces=2,
        *,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        self.units = positive_integer("units", units)
        linear = keras.layers.Dense(
            self.units * positive_integer("num_pieces", num_pieces),
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        super().__init__(linear, num_pieces, -1, activity_regularizer, **kwargs)
        self.supports_masking = True

    def get_config(self) -> dict[str, Any]:
        return {**self._config(), "units": self.units}


@keras.saving.register_keras_serializable(package="keras_ddl")
class MaxoutConv2D(_MaxoutOfLinear):
    """A two-dimensional convolution in which each filter is the maximum of several linear pieces.

    It applies a `MaxoutDense` to the window at every position. All pieces are computed in one
    convolution.

    Args:
        filters: positive integer, the number of output channels.
        kernel_size: integer or pair of integers, height and width of the window.
        num_pieces: positive integer, the number of linear pieces of each filter. Default 2.
        strides: integer or pair of integers. Default 1.
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last", "channels_first", or None for Keras' setting.
        dilation_rate: integer or pair of integers. Default 1.
        use_bias: whether each piece has a bias. Default True.
        kernel_initializer: initializer of the kernel
            `(height, width, channels, num_pieces * filters)`. Fan-in and fan-out are computed from
            this shape. Piece `i` of filter `f` has index `i * filters + f` on the last axis.
            Default "glorot_uniform".
        bias_initializer: initializer of the bias `(num_pieces * filters,)`. Default "zeros".
        kernel_regularizer, bias_regularizer: optional regularizers of the kernel and the bias.
        activity_regularizer: optional regularizer of the output.
        kernel_constraint, bias_constraint: optional constraints of the kernel and the bias.
        **kwargs: passed to `keras.layers.Layer`.

    Input shape: `(batch, rows, columns, channels)`, or with the channels first.

    Output shape: `(batch, new rows, new columns, filters)`, or with the channels first.

    Example:

    >>> layer = MaxoutConv2D(8, 3, num_pieces=2, padding="same")
    >>> layer(np.ones((4, 28, 28, 1))).shape
    (4, 28, 28, 8)

    Raises:
        ValueError: if `filters` or `num_pieces` is not a positive integer, or if
            `keras.layers.Conv2D` rejects another argument.

    Reference: Goodfellow et al., "Maxout Networks", arXiv 1302.4389 (2013).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        num_pieces=2,
        strides=1,
        padding="valid",
        *,
        data_format=None,
        dilation_rate=1,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        self.filters = positive_integer("filters", filters)
        linear = keras.layers.Conv2D(
            self.filters * positive_integer("num_pieces", num_pieces),
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        axis = -1 if linear.data_format == "channels_last" else 1
        super().__init__(linear, num_pieces, axis, activity_regularizer, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**self._config(*_CONVOLUTION), "filters": self.filters}
