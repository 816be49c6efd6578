"""Callbacks that monitor training, installed as `keras_ddl.callbacks`."""

from keras_ddl.callbacks._monitor import TrainingWarning
from keras_ddl.callbacks.activation_stats import ActivationStats
from keras_ddl.callbacks.best_members import BestMembers
from keras_ddl.callbacks.dead_relu import DeadReLUCounter
from keras_ddl.callbacks.early_stopping import GL, PQ, UP, PrecheltStopping
from keras_ddl.callbacks.gradient_stats import GradientStats
from keras_ddl.callbacks.learning_rate_finder import LearningRateFinder
from keras_ddl.callbacks.learning_rate_schedule import LearningRateSchedule
from keras_ddl.callbacks.run_tracker import RunTracker
from keras_ddl.callbacks.sanity_checks import SanityChecks
from keras_ddl.callbacks.snapshot_ensemble import SnapshotEnsemble
from keras_ddl.callbacks.swa import SWA
from keras_ddl.callbacks.time_stopping import TimeStopping
from keras_ddl.callbacks.training_report import TrainingReport
from keras_ddl.callbacks.validation_sets import ValidationSets

__all__ = [
    "GL",
    "PQ",
    "SWA",
    "UP",
    "ActivationStats",
    "BestMembers",
    "DeadReLUCounter",
    "GradientStats",
    "LearningRateFinder",
    "LearningRateSchedule",
    "PrecheltStopping",
    "RunTracker",
    "SanityChecks",
    "SnapshotEnsemble",
    "TimeStopping",
    "TrainingReport",
    "TrainingWarning",
    "ValidationSets",
]
