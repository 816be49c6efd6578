"""A schedule put on an optimizer that was made without one."""

from typing import Any

import keras
from keras import ops

from keras_ddl.optimizers.wrapper import OptimizerWrapper, host_integer


@keras.saving.register_keras_serializable(package="keras_ddl")
class ScheduledRate(OptimizerWrapper):
    """Sets the learning rate of an optimizer by a schedule, inside the compiled step.

    The rate stays a variable, which holds the last step's value: it can be read, logged and, when
    the wrapper is gone, set. `keras_ddl.callbacks.LearningRateSchedule` attaches it to a model for
    the time of a `fit`.

    Args:
        optimizer: the optimizer to steer, its learning rate a number.
        schedule: a `LearningRateSchedule` or a callable from the step to the rate, in backend
            operations. Step 0 is the first step after the wrapper was made.
        name: optional string.
    """

    def __init__(self, optimizer, schedule, name=None):
        super().__init__(optimizer, name=name)
        self.schedule = schedule
        self._first = self.add_variable(shape=(), dtype="int", name="first_step")
        self._first.assign(host_integer(self.optimizer.iterations))

    def apply(self, grads, trainable_variables=None) -> Any:
        step = ops.cast(self.optimizer.iterations, self._first.dtype) - self._first
        self.optimizer.learning_rate = self.schedule(step)
        super().apply(grads, trainable_variables)

    def get_config(self) -> dict[str, Any]:
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {**super().get_config(), "schedule": schedule}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> Any:
        schedule = keras.saving.deserialize_keras_object(
            config["schedule"], custom_objects=custom_objects
        )
        return super().from_config({**config, "schedule": schedule}, custom_objects)
