"""A value that approaches its limit."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite, positive


@keras.saving.register_keras_serializable(package="keras_ddl")
class ExponentialApproach(keras.optimizers.schedules.LearningRateSchedule):
    """A value that starts at `initial_value` and approaches `final_value` exponentially.

    ```
    value(step) = final_value - (final_value - initial_value) * exp(-step / time_constant)
    ```

    The momentum of the original dropout experiments is `ExponentialApproach(0.5, 0.99, 100_000)`:
    .5 at the start, .80 after 100,000 updates, .99 in the limit.

    Args:
        initial_value: float, the value at step 0.
        final_value: float, the limit.
        time_constant: float > 0, in optimizer steps. After this many steps, 63 % of the change is
            done.

    Raises:
        ValueError: if `time_constant` is not positive.

    Reference: Srivastava et al. (2014), JMLR 15. The schedule comes from the configuration files
    that the authors published.
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
