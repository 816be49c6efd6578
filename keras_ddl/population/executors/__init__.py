"""Where and how the members' steps run."""

from keras_ddl.population.executors.choice import NAMES, executor_for

__all__ = ["NAMES", "executor_for"]
