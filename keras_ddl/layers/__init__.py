"""Layers that Keras core lacks."""

from keras_ddl.layers.dropout import VariableDropout
from keras_ddl.layers.maxout import Maxout

__all__ = ["Maxout", "VariableDropout"]
