"""Layers that Keras core lacks."""

from keras_ddl.layers.dropout import VariableDropout

__all__ = ["VariableDropout"]
