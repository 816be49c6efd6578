"""Subtract the mean image."""

from typing import Any

import keras

from keras_ddl.layers.preprocessing.adapted import AdaptedLayer
from keras_ddl.layers.preprocessing.moments import RunningMean


@keras.saving.register_keras_serializable(package="keras_ddl")
class MeanImage(AdaptedLayer):
    """Subtracts the mean over all examples, pixel by pixel.

    Args:
        invert: whether calls add the mean instead. Default False.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more, of the shape of the adapted data.

    Output shape: the input's.

    Example:

    >>> layer = MeanImage()
    >>> layer.adapt(np.array([[1.0, 2.0], [3.0, 6.0]]))
    >>> layer(np.array([[1.0, 2.0]]))
    [[-1., -2.]]

    Reference: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks"
    (2012), section 2.
    """

    def add_statistics(self, shape) -> None:
        if None in shape[1:]:
            raise ValueError(f"`MeanImage` needs images of a known size. Received: shape={shape}")
        self.mean = self.statistic("mean", shape[1:], "zeros")

    def new_statistics(self) -> RunningMean:
        return RunningMean()

    def rows(self, batch) -> Any:
        return batch

    def take_statistics(self, statistics) -> None:
        self.mean.assign(statistics.mean)

    def transform(self, x) -> Any:
        return x - self.convert_weight(self.mean.value)

    def restore(self, x) -> Any:
        return x + self.convert_weight(self.mean.value)
