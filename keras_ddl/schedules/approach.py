"""A value that approaches its limit."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite, positive


@keras.saving.register_keras_serializable(package="keras_ddl")
class ExponentialApproach(keras.optimizers.schedules.LearningRateSchedule):
    """A value that leaves `initial_value` and approaches `final_value` exponentially.

    ```
    value(step) = final_value - (final_value - initial_value) * exp(-step / time_constant)
    ```

    With `ExponentialApproach(0.5, 0.99, 100_000)` as the momentum it is the ramp of the original
    dropout experiments: .5 at first, .80 after 100,000 updates, .99 in the end.

    Args:
        initial_value: float, the value at step 0.
        final_value: float, the limit.
        time_constant: float > 0, in optimizer steps: after it 63 % of the way is done.

    Raises:
        ValueError: if `time_constant` is not positive.

    Reference: Srivastava et al. (2014), JMLR 15; the schedule is that of the author's published
    configuration.
    """

    def __init__(self, initial_value, final_value, time_constant):
        super().__init__()
        self.initial_value = finite("initial_value", initial_value)
        self.final_value = finite("final_value", final_value)
        self.time_constant = positive("time_constant", time_constant, " of steps")

    def __call__(self, step):
        elapsed = ops.cast(step, "float32") / self.time_constant
        return self.final_value - (self.final_value - self.initial_value) * ops.exp(-elapsed)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_value": self.initial_value,
            "final_value": self.final_value,
            "time_constant": self.time_constant,
        }
