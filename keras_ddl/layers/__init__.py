"""Layers that Keras core lacks."""

from keras_ddl.layers.drop_block import DropBlock2D
from keras_ddl.layers.drop_connect import DropConnect
from keras_ddl.layers.dropout import VariableDropout
from keras_ddl.layers.maxout import Maxout, MaxoutConv2D, MaxoutDense
from keras_ddl.layers.normalization import (
    AdaptiveInstanceNormalization,
    EvoNormB0,
    EvoNormS0,
    FilterResponseNormalization,
    GhostBatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    RecurrentWeightNormalization,
    SwitchableNormalization,
    ThresholdedLinearUnit,
    WeightNormalization,
    WeightStandardization,
)
from keras_ddl.layers.pelu import PELU
from keras_ddl.layers.preprocessing import ChannelMean, MeanImage, PCAWhitening, ZCAWhitening
from keras_ddl.layers.recurrent import LayerNormGRUCell, LayerNormLSTMCell, LayerNormSimpleRNNCell
from keras_ddl.layers.rrelu import RReLU
from keras_ddl.layers.srelu import SReLU
from keras_ddl.layers.stochastic_depth import StochasticDepth
from keras_ddl.layers.stochastic_pooling import StochasticPooling1D, StochasticPooling2D

__all__ = [
    "PELU",
    "AdaptiveInstanceNormalization",
    "ChannelMean",
    "DropBlock2D",
    "DropConnect",
    "EvoNormB0",
    "EvoNormS0",
    "FilterResponseNormalization",
    "GhostBatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "LayerNormSimpleRNNCell",
    "Maxout",
    "MaxoutConv2D",
    "MaxoutDense",
    "MeanImage",
    "PCAWhitening",
    "RReLU",
    "RecurrentWeightNormalization",
    "SReLU",
    "StochasticDepth",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "SwitchableNormalization",
    "ThresholdedLinearUnit",
    "VariableDropout",
    "WeightNormalization",
    "WeightStandardization",
    "ZCAWhitening",
]
