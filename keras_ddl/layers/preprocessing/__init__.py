"""Layers that learn the mean or the covariance of their inputs by `adapt`."""

from keras_ddl.layers.preprocessing.channel_mean import ChannelMean
from keras_ddl.layers.preprocessing.mean_image import MeanImage
from keras_ddl.layers.preprocessing.whitening import PCAWhitening, ZCAWhitening

__all__ = ["ChannelMean", "MeanImage", "PCAWhitening", "ZCAWhitening"]
