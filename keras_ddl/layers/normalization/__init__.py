"""Normalization layers that Keras core lacks, or that are faster here than in core."""

from keras_ddl.layers.normalization.adaptive_instance import AdaptiveInstanceNormalization
from keras_ddl.layers.normalization.evonorm import EvoNormB0, EvoNormS0
from keras_ddl.layers.normalization.filter_response import FilterResponseNormalization
from keras_ddl.layers.normalization.ghost_batch import GhostBatchNormalization
from keras_ddl.layers.normalization.group import GroupNormalization
from keras_ddl.layers.normalization.instance import InstanceNormalization
from keras_ddl.layers.normalization.recurrent_weights import RecurrentWeightNormalization
from keras_ddl.layers.normalization.switchable import SwitchableNormalization
from keras_ddl.layers.normalization.thresholded import ThresholdedLinearUnit
from keras_ddl.layers.normalization.weight_normalization import WeightNormalization
from keras_ddl.layers.normalization.weight_standardization import WeightStandardization

__all__ = [
    "AdaptiveInstanceNormalization",
    "EvoNormB0",
    "EvoNormS0",
    "FilterResponseNormalization",
    "GhostBatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "RecurrentWeightNormalization",
    "SwitchableNormalization",
    "ThresholdedLinearUnit",
    "WeightNormalization",
    "WeightStandardization",
]
