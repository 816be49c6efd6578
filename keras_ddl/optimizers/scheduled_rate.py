"""A learning rate schedule for an optimizer that was created without one."""

import inspect
from typing import Any

import keras
from keras import ops

from keras_ddl.optimizers.wrapper import OptimizerWrapper, host_integer


@keras.saving.register_keras_serializable(package="keras_ddl")
class ScheduledRate(OptimizerWrapper):
    """Wraps an optimizer and sets its learning rate by a schedule, inside the compiled step.

    The learning rate remains a variable with the value of the last step. It can be read and logged,
    and after the wrapper is removed it can be set. `keras_ddl.callbacks.LearningRateSchedule`
    attaches the wrapper to a model during `fit`.

    Args:
        optimizer: the optimizer to wrap. Its learning rate must be a number, not a schedule.
        schedule: a `LearningRateSchedule`, or a function `(step) -> rate` or
            `(step, last_rate) -> rate` that uses backend operations. The step is an integer tensor.
            Step 0 is the first update after the wrapper was created.
        name: optional string, the wrapper's name.
    """

    def __init__(self, optimizer, schedule, name=None) -> None:
        super().__init__(optimizer, name=name)
        self.schedule = schedule
        self._first = self.add_variable(shape=(), dtype="int", name="first_step")
        self._first.assign(host_integer(self.optimizer.iterations))

    def begin_at(self, step: int) -> None:
        """Make `step` the number of the next update. Not for use in a compiled step."""
        self._first.assign(host_integer(self.optimizer.iterations) - step)

    def apply(self, grads, trainable_variables=None) -> None:
        step = ops.cast(self.optimizer.iterations, self._first.dtype) - self._first
        self.optimizer.learning_rate = rate_at(self.schedule, step, self.optimizer.learning_rate)
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


def rate_at(schedule, step, last_rate) -> Any:
    """The learning rate of a schedule at a step.

    The schedule receives the last rate as its second argument if its second parameter has no
    default, as with core's `LearningRateScheduler`, or is called `lr`, `rate` or `learning_rate`.
    """
    try:
        parameters = list(inspect.signature(schedule).parameters.values())
    except (TypeError, ValueError):  # some built-in functions have no signature
        parameters = []
    positional = [one for one in parameters if one.kind <= one.POSITIONAL_OR_KEYWORD]
    if len(positional) > 1 and (
        positional[1].default is inspect.Parameter.empty
        or positional[1].name in ("lr", "rate", "learning_rate")
    ):
        return schedule(step, last_rate)
    return schedule(step)
