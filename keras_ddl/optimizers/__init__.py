"""Optimizers that Keras core lacks."""

from keras_ddl.optimizers.fused_adam import FusedAdam
from keras_ddl.optimizers.fused_sgd import FusedSGD
from keras_ddl.optimizers.instrumented import Instrumented
from keras_ddl.optimizers.scheduled_momentum import ScheduledMomentumSGD
from keras_ddl.optimizers.scheduled_rate import ScheduledRate

__all__ = ["FusedAdam", "FusedSGD", "Instrumented", "ScheduledMomentumSGD", "ScheduledRate"]
