"""Callbacks that watch a training run; installed as `keras_ddl.callbacks`."""

from keras_ddl.callbacks.validation_sets import ValidationSets

__all__ = ["ValidationSets"]
