"""Layers that Keras core lacks."""

from keras_ddl.layers.dropout import VariableDropout
from keras_ddl.layers.recurrent import LayerNormGRUCell, LayerNormLSTMCell

__all__ = ["LayerNormGRUCell", "LayerNormLSTMCell", "VariableDropout"]
