"""Stochastic pooling: sample one activation of each region."""

import functools
import itertools
from typing import Any

import keras
from keras import ops

from keras_ddl.layers._precision import maximum
from keras_ddl.layers._sizes import at_least


def _offsets(x, axis, window, stride):
    """For each offset within a window along an axis, the values of all windows at this offset."""
    before = (slice(None),) * axis
    if window == stride:
        # Windows that do not overlap can be separated by a reshape. It is faster than strided
        # slices, and its gradient is much faster.
        shape = ops.shape(x)
        whole = shape[axis] // window
        x = x[(*before, slice(whole * window))]
        x = ops.reshape(x, (*shape[:axis], whole, window, *shape[axis + 1 :]))
        return ops.unstack(x, window, axis=axis + 1)
    slices = [slice(i, i - window + 1 or None, stride) for i in range(window)]
    return [x[(*before, one)] for one in slices]


class _StochasticPooling(keras.layers.Layer):
    """Stochastic pooling over the windows of a core pooling layer."""

    def __init__(self, average, seed, **kwargs):
        super().__init__(**kwargs)
        # Sums of activations can overflow float16.
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        self._average = average(dtype)
        self.input_spec = self._average.input_spec
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True  # it has no weights

    def call(self, inputs, training=False) -> Any:
        activations = ops.relu(ops.cast(inputs, self._average.compute_dtype))
        if self._average.padding == "same":
            activations = self._padded(activations)
        pooled = self._sample(activations) if training else self._expect(activations)
        return ops.cast(pooled, self.compute_dtype)

    def _windows(self):
        """Axis, length and stride of the window along each spatial axis."""
        average = self._average
        first = 2 if average.data_format == "channels_first" else 1
        return list(zip(itertools.count(first), average.pool_size, average.strides, strict=False))

    def _padded(self, activations):
        """Pad with zeros, so that every region is complete. A zero is never sampled."""
        widths = [(0, 0)] * len(activations.shape)
        for axis, window, stride in self._windows():
            size = ops.shape(activations)[axis]
            total = at_least(window - 1 - (size - 1) % stride, 0)
            widths[axis] = (total // 2, total - total // 2)
        return ops.pad(activations, widths)

    def _candidates(self, activations):
        """The activations of all regions, one tensor per offset in the window, and their maximum.

        Sums and squares of activations may overflow. Callers divide the candidates by the maximum
        first, which prevents that.
        """
        candidates = [activations]
        for axis, window, stride in self._windows():
            candidates = [part for x in candidates for part in _offsets(x, axis, window, stride)]
        largest = ops.stop_gradient(functools.reduce(maximum, candidates))
        # In a region of zeros the maximum is replaced by 1, to avoid a division by 0.
        return candidates, ops.where(largest > 0, largest, 1)

    def _expect(self, activations):
        """The expected sample: the mean of each region's activations, weighted by themselves."""
        candidates, largest = self._candidates(activations)
        parts = [candidate / largest for candidate in candidates]
        total = sum(parts)
        squares = sum(ops.square(part) for part in parts)
        return largest * (squares / ops.where(total > 0, total, 1))

    def _sample(self, activations):
        """Sample one activation of each region, with probabilities proportional to the values."""
        candidates, largest = self._candidates(activations)
        # The interval [0, sum) is divided into one part per candidate, whose length is its value. A
        # uniform number in the interval selects a candidate.
        ends = list(itertools.accumulate(candidate / largest for candidate in candidates))
        uniform = keras.random.uniform(
            ops.shape(ends[-1]), dtype=ends[-1].dtype, seed=self.seed_generator
        )
        threshold = ops.stop_gradient(uniform * ends[-1])
        drawn = candidates[0]
        for start, candidate in zip(ends, candidates[1:], strict=False):
            # Take the last non-empty part that starts at or before the threshold.
            drawn = ops.where((start <= threshold) & (candidate > 0), candidate, drawn)
        return drawn

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return self._average.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        average = self._average.get_config()
        window = {name: average[name] for name in ("pool_size", "strides", "padding")}
        window["data_format"] = average["data_format"]
        return {**super().get_config(), **window, "seed": self.seed}


@keras.saving.register_keras_serializable(package="keras_ddl")
class StochasticPooling1D(_StochasticPooling):
    """Pools each window of time steps to one of its activations, sampled at random.

    This is `StochasticPooling2D` for sequences.

    Args:
        pool_size: positive integer, the length of a region. Default 2.
        strides: positive integer, the distance between regions. Default: `pool_size`.
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last", "channels_first", or None for Keras' setting.
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: nonnegative activations `(batch, steps, channels)`, or with the channels first.
        training: whether to sample. `fit` sets it; default False.

    Output shape: that of `keras.layers.AveragePooling1D`.

    Reference: Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional
    Neural Networks", arXiv 1301.3557 (2013).
    """

    def __init__(
        self, pool_size=2, strides=None, padding="valid", *, data_format=None, seed=None, **kwargs
    ):
        def average(dtype):
            return keras.layers.AveragePooling1D(
                pool_size, strides, padding, data_format=data_format, dtype=dtype
            )

        super().__init__(average, seed, **kwargs)


@keras.saving.register_keras_serializable(package="keras_ddl")
class StochasticPooling2D(_StochasticPooling):
    """Pools each region to one of its activations, sampled at random.

    In training an activation is sampled with a probability proportional to its value, and only this
    activation receives a gradient. At inference the output is the mean of the region's activations,
    weighted by these probabilities. The output for a region of zeros is 0. Use the layer after ReLU
    or another nonnegative activation function: negative inputs count as 0.

    Args:
        pool_size: positive integer or pair of them, height and width of a region. Default 2.
        strides: integer or pair of integers, the distance between regions. Default: `pool_size`.
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last", "channels_first", or None for Keras' setting.
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: nonnegative activations `(batch, rows, columns, channels)`, or with the channels
            first.
        training: whether to sample. `fit` sets it; default False.

    Output shape: that of `keras.layers.AveragePooling2D`.

    Example:

    >>> layer = StochasticPooling2D(2)
    >>> layer(np.array([1.0, 2.0, 0.0, 1.0]).reshape(1, 2, 2, 1)).ravel()  # (1 + 4 + 1) / 4
    [1.5]

    Raises:
        ValueError: if `keras.layers.AveragePooling2D` rejects an argument.

    Reference: Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional
    Neural Networks", arXiv 1301.3557 (2013).
    """

    def __init__(
        self, pool_size=2, strides=None, padding="valid", *, data_format=None, seed=None, **kwargs
    ):
        def average(dtype):
            return keras.layers.AveragePooling2D(
                pool_size, strides, padding, data_format=data_format, dtype=dtype
            )

        super().__init__(average, seed, **kwargs)
