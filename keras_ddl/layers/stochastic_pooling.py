"""Stochastic pooling: one activation of each region, drawn by its size."""

import functools
import itertools
from typing import Any

import keras
from keras import ops

from keras_ddl.layers._precision import maximum
from keras_ddl.layers._sizes import at_least


def _offsets(x, axis, window, stride):
    """For each offset in a window along an axis, the values there of all windows."""
    before = (slice(None),) * axis
    if window == stride:
        # Windows that do not overlap come apart by a reshape, which is faster than slices with a
        # stride, and much faster to differentiate.
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
        # Sums leave the range of float16.
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
        """Zeros around, which are never drawn, so that every region is whole."""
        widths = [(0, 0)] * len(activations.shape)
        for axis, window, stride in self._windows():
            size = ops.shape(activations)[axis]
            total = at_least(window - 1 - (size - 1) % stride, 0)
            widths[axis] = (total // 2, total - total // 2)
        return ops.pad(activations, widths)

    def _candidates(self, activations):
        """Regions as whole tensors, one for each offset in the window, and their maximum.

        Sums and squares of activations may leave the range of numbers; those of the candidates
        divided by the maximum do not.
        """
        candidates = [activations]
        for axis, window, stride in self._windows():
            candidates = [part for x in candidates for part in _offsets(x, axis, window, stride)]
        largest = ops.stop_gradient(functools.reduce(maximum, candidates))
        # A region of zeros is divided by 1.
        return candidates, ops.where(largest > 0, largest, 1)

    def _expect(self, activations):
        """The activations' mean in each region, weighted by themselves."""
        candidates, largest = self._candidates(activations)
        parts = [candidate / largest for candidate in candidates]
        total = sum(parts)
        squares = sum(ops.square(part) for part in parts)
        return largest * (squares / ops.where(total > 0, total, 1))

    def _sample(self, activations):
        """One activation of each region, drawn with a probability proportional to itself."""
        candidates, largest = self._candidates(activations)
        # A uniform number in [0, sum) falls into the stretch of one candidate.
        ends = list(itertools.accumulate(candidate / largest for candidate in candidates))
        uniform = keras.random.uniform(
            ops.shape(ends[-1]), dtype=ends[-1].dtype, seed=self.seed_generator
        )
        threshold = ops.stop_gradient(uniform * ends[-1])
        drawn = candidates[0]
        for start, candidate in zip(ends, candidates[1:], strict=False):
            # The last stretch that begins at or before the threshold and is not empty.
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
    """Pools each stretch of steps to one of its activations, drawn at random.

    `StochasticPooling2D` for sequences.

    Args:
        pool_size: positive integer, the length of a region. Default 2.
        strides: positive integer, steps between regions; default `pool_size`.
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last", "channels_first", or None for Keras' setting.
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: activations of at least 0, `(batch, steps, channels)`, or with the channels first.
        training: whether to draw. `fit` sets it; default False.

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
    """Pools each region to one of its activations, drawn at random.

    In training an activation of a region is drawn with a probability proportional to its value, and
    the gradient flows to it alone. At inference the output is the mean of the region's activations,
    weighted by these probabilities. A region of zeros gives 0. Activations are those of ReLU or
    another function that is nowhere below 0; what is below counts as 0.

    Args:
        pool_size: positive integer or pair of them, height and width of a region. Default 2.
        strides: integer or pair of integers, steps between regions; default `pool_size`.
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last", "channels_first", or None for Keras' setting.
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: activations of at least 0, `(batch, rows, columns, channels)`, or with the channels
            first.
        training: whether to draw. `fit` sets it; default False.

    Output shape: that of `keras.layers.AveragePooling2D`.

    Example:

    >>> layer = StochasticPooling2D(2)
    >>> layer(np.array([1.0, 2.0, 0.0, 1.0]).reshape(1, 2, 2, 1)).ravel()  # (1 + 4 + 1) / 4
    [1.5]

    Raises:
        ValueError: as `keras.layers.AveragePooling2D` does.

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
