"""Schedules that Keras core lacks. Each can be used for a learning rate or a momentum."""

from keras_ddl.schedules.approach import ExponentialApproach
from keras_ddl.schedules.cycles import Cyclical, OneCycle
from keras_ddl.schedules.decays import InverseSqrtDecay, LinearDecay, StepDecay
from keras_ddl.schedules.warm_up import WarmUp

__all__ = [
    "Cyclical",
    "ExponentialApproach",
    "InverseSqrtDecay",
    "LinearDecay",
    "OneCycle",
    "StepDecay",
    "WarmUp",
]
