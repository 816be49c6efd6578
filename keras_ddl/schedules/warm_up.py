"""A gentle start for any schedule."""

from numbers import Real
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl._checks import finite, positive


@keras.saving.register_keras_serializable(package="keras_ddl")
class WarmUp(LearningRateSchedule):
    """Climb in a straight line to where a schedule begins, then follow it.

    ```
    value(step) = start + (schedule(0) - start) * step / warm_up_steps   while step < warm_up_steps
    value(step) = schedule(step - warm_up_steps)                         from then on
    ```

    ```python
    rate = WarmUp(keras.optimizers.schedules.CosineDecay(0.1, 10_000), warm_up_steps=500)
    ```

    Args:
        schedule: any `LearningRateSchedule`, or a number, which is kept after the climb.
        warm_up_steps: how long the climb takes, in steps, > 0.
        start: float, the value at step 0. Default 0.

    Raises:
        ValueError: if `warm_up_steps` is not positive, or `schedule` is neither of the two.

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
        begin = self._followed(ops.zeros_like(step))
        climb = self.start + (begin - self.start) * step / self.warm_up_steps
        later = self._followed(ops.maximum(step - self.warm_up_steps, 0.0))
        return ops.where(step < self.warm_up_steps, climb, later)

    def _followed(self, step):
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
