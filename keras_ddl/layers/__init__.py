"""Layers that Keras core lacks."""

from keras_ddl.layers.dropout import VariableDropout
from keras_ddl.layers.maxout import Maxout, MaxoutConv2D, MaxoutDense

__all__ = ["Maxout", "MaxoutConv2D", "MaxoutDense", "VariableDropout"]
