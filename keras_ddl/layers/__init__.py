"""Layers that Keras core lacks."""

from keras_ddl.layers.dropout import VariableDropout
from keras_ddl.layers.maxout import Maxout, MaxoutConv2D, MaxoutDense
from keras_ddl.layers.normalization import (
    EvoNormB0,
    EvoNormS0,
    FilterResponseNormalization,
    GhostBatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    SwitchableNormalization,
    ThresholdedLinearUnit,
    WeightNormalization,
    WeightStandardization,
)
from keras_ddl.layers.recurrent import LayerNormGRUCell, LayerNormLSTMCell

__all__ = [
    "EvoNormB0",
    "EvoNormS0",
    "FilterResponseNormalization",
    "GhostBatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "Maxout",
    "MaxoutConv2D",
    "MaxoutDense",
    "SwitchableNormalization",
    "ThresholdedLinearUnit",
    "VariableDropout",
    "WeightNormalization",
    "WeightStandardization",
]
