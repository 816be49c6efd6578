"""A linear warm-up before any schedule."""

from numbers import Real
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl._checks import finite, positive


@keras.saving.register_keras_serializable(package="keras_ddl")
class WarmUp(LearningRateSchedule):
    """Rise linearly to the first value of a schedule, then follow the schedule.

    ```
    value(step) = start + (schedule(0) - start) * step / warm_up_steps   while step < warm_up_steps
    value(step) = schedule(step - warm_up_steps)                         from then on
    ```

    ```python
    rate = WarmUp(keras.optimizers.schedules.CosineDecay(0.1, 10_000), warm_up_steps=500)
    ```

    Args:
        schedule: any `LearningRateSchedule`, or a number, which stays constant after the warm-up.
        warm_up_steps: the length of the warm-up, in steps, > 0.
        start: float, the value at step 0. Default 0.

    Raises:
        ValueError: if `warm_up_steps` is not positive, or `schedule` is neither a schedule nor a
            number.

    Reference: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour",
    arXiv:1706.02677, section 2.2.
    """

    def __init__(self, schedule, warm_up_steps, start=0.0):
        super().__init__()
        if not isinstance(schedule, LearningRateSchedule):
            if isinstance(schedule, bool) or not isinstance(schedule, Real):
                raise ValueError(
                    "`schedule` must be a LearningRateSchedule or a number. "
                    f"Received: schedule={schedule!r}"
                )
            schedule = float(finite("schedule", schedule))
        self.schedule = schedule
        self.warm_up_steps = positive("warm_up_steps", warm_up_steps, " of steps")
        self.start = finite("start", start)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        begin = self._scheduled(ops.zeros_like(step))
        climb = self.start + (begin - self.start) * step / self.warm_up_steps
        later = self._scheduled(ops.maximum(step - self.warm_up_steps, 0.0))
        return ops.where(step < self.warm_up_steps, climb, later)

    def _scheduled(self, step):
        if isinstance(self.schedule, float):
            return ops.cast(self.schedule, "float32")
        return self.schedule(step)

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "warm_up_steps": self.warm_up_steps,
            "start": self.start,
        }

    @classmethod
    def from_config(cls, config) -> Any:
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(**{**config, "schedule": schedule})
