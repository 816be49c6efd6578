"""Optimizers that Keras core lacks."""

from keras_ddl.optimizers.fused_adam import FusedAdam
from keras_ddl.optimizers.fused_sgd import FusedSGD
from keras_ddl.optimizers.instrumented import Instrumented
from keras_ddl.optimizers.lars import LARS
from keras_ddl.optimizers.lookahead import Lookahead
from keras_ddl.optimizers.rectified_adam import RectifiedAdam
from keras_ddl.optimizers.scheduled_momentum import ScheduledMomentumSGD
from keras_ddl.optimizers.scheduled_rate import ScheduledRate
from keras_ddl.optimizers.sharpness_aware import SAM

__all__ = [
    "LARS",
    "SAM",
    "FusedAdam",
    "FusedSGD",
    "Instrumented",
    "Lookahead",
    "RectifiedAdam",
    "ScheduledMomentumSGD",
    "ScheduledRate",
]
