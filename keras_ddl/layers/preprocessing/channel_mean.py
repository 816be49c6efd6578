"""Subtract the mean of every channel."""

from typing import Any

import keras
import numpy as np

from keras_ddl import _checks
from keras_ddl.layers.preprocessing.adapted import AdaptedLayer
from keras_ddl.layers.preprocessing.moments import RunningMean


@keras.saving.register_keras_serializable(package="keras_ddl")
class ChannelMean(AdaptedLayer):
    """Subtracts the mean of each channel over all examples and positions.

    `keras.layers.Normalization` divides by the standard deviation as well.

    Args:
        axis: integer, the channels' axis; not 0, which is the batch. Default -1.
        invert: whether calls add the mean instead. Default False.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more. Its size may differ from that of the adapted data, but
            not its number of channels.

    Output shape: the input's.

    Example:

    >>> layer = ChannelMean()
    >>> layer.adapt(np.array([[[0.0, 5.0], [2.0, 5.0]]]))  # (1, 2, 2)
    >>> layer(np.array([[[1.0, 6.0]]]))
    [[[0., 1.]]]

    Reference: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", arXiv 1409.1556 (2014), section 2.1.
    """

    def __init__(self, axis=-1, **kwargs):
        if not _checks.is_integer(axis) or axis == 0:
            raise ValueError(f"`axis` must be an integer other than 0. Received: axis={axis!r}")
        super().__init__(**kwargs)
        self.channels = int(axis)

    def add_statistics(self, shape) -> None:
        rank = len(shape)
        if not -rank < self.channels < rank:
            raise ValueError(
                f"`axis` must be one of the input's {rank} axes, without the batch. "
                f"Received: axis={self.channels}"
            )
        if shape[self.channels] is None:
            raise ValueError(
                f"`ChannelMean` needs a known number of channels. Received: shape={tuple(shape)}"
            )
        self._axes_after = rank - 1 - self.channels % rank
        self.mean = self.statistic("mean", (shape[self.channels],), "zeros")

    def new_statistics(self) -> RunningMean:
        return RunningMean()

    def rows(self, batch) -> np.ndarray:
        return np.moveaxis(batch, self.channels, -1).reshape(-1, batch.shape[self.channels])

    def take_statistics(self, statistics) -> None:
        self.mean.assign(statistics.mean)

    def transform(self, x) -> Any:
        return x - self._broadcast_mean()

    def restore(self, x) -> Any:
        return x + self._broadcast_mean()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.channels}

    def _broadcast_mean(self):
        mean = self.convert_weight(self.mean.value)
        return self.backend.numpy.reshape(mean, (-1, *[1] * self._axes_after))

    def _check_shape(self, shape):
        """Sizes of images may differ from batch to batch."""
        axis, own = self.channels, self._build_input_shape
        if len(shape) != len(own) or shape[axis] != own[axis]:
            raise ValueError(
                f"`data` must have {own[axis]} channels and {len(own)} axes, as the layer was "
                f"built for. Received: a batch of shape {tuple(shape)}"
            )
