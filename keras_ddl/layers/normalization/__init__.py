"""Normalization layers that Keras core lacks, or has slower."""

from keras_ddl.layers.normalization.group import GroupNormalization

__all__ = ["GroupNormalization"]
