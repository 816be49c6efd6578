"""Decay schedules that Keras core lacks."""

from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl._checks import finite, positive


@keras.saving.register_keras_serializable(package="keras_ddl")
class StepDecay(LearningRateSchedule):
    """Multiply a value by a factor at regular intervals.

    ```
    value(step) = initial_value * factor ** floor(step / step_size)
    ```

    Core's `ExponentialDecay(staircase=True)` is the same schedule with other argument names. Core's
    `PiecewiseConstantDecay` needs a list of all boundaries and values.

    Args:
        initial_value: float, the value before the first drop.
        step_size: the number of steps between two drops, > 0.
        factor: float > 0, the factor of each drop. Default .1.

    Raises:
        ValueError: if `step_size` or `factor` is not positive.
    """

    def __init__(self, initial_value, step_size, factor=0.1):
        super().__init__()
        self.initial_value = finite("initial_value", initial_value)
        self.step_size = positive("step_size", step_size, " of steps")
        self.factor = positive("factor", factor)

    def __call__(self, step):
        drops = ops.floor(ops.cast(step, "float32") / self.step_size)
        return self.initial_value * ops.power(ops.cast(self.factor, "float32"), drops)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_value": self.initial_value,
            "step_size": self.step_size,
            "factor": self.factor,
        }


@keras.saving.register_keras_serializable(package="keras_ddl")
class LinearDecay(LearningRateSchedule):
    """A straight line from one value to another, and constant afterwards.

    ```
    value(step) = initial_value + (final_value - initial_value) * min(step / decay_steps, 1)
    ```

    Args:
        initial_value: float, the value at step 0.
        decay_steps: the number of steps until `final_value` is reached, > 0.
        final_value: float, the value afterwards. It may exceed `initial_value`. Default 0.

    Raises:
        ValueError: if `decay_steps` is not positive.
    """

    def __init__(self, initial_value, decay_steps, final_value=0.0):
        super().__init__()
        self.initial_value = finite("initial_value", initial_value)
        self.decay_steps = positive("decay_steps", decay_steps, " of steps")
        self.final_value = finite("final_value", final_value)

    def __call__(self, step):
        done = ops.minimum(ops.cast(step, "float32") / self.decay_steps, 1.0)
        return self.initial_value + (self.final_value - self.initial_value) * done

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_value": self.initial_value,
            "decay_steps": self.decay_steps,
            "final_value": self.final_value,
        }


@keras.saving.register_keras_serializable(package="keras_ddl")
class InverseSqrtDecay(LearningRateSchedule):
    """Decay with the inverse square root of time.

    ```
    value(step) = initial_value / sqrt(1 + step / decay_steps)
    ```

    The classic convergence guarantee of stochastic gradient descent on convex losses assumes this
    schedule. The Transformer's schedule is this one after a warm-up:
    `WarmUp(InverseSqrtDecay(...), 4000)`.

    Args:
        initial_value: float, the value at step 0.
        decay_steps: the time scale, in steps, > 0. After `3 * decay_steps` steps the value is half
            of `initial_value`. Default 1.

    Raises:
        ValueError: if `decay_steps` is not positive.

    Reference: Vaswani et al., "Attention Is All You Need", arXiv:1706.03762, section 5.3.
    """

    def __init__(self, initial_value, decay_steps=1):
        super().__init__()
        self.initial_value = finite("initial_value", initial_value)
        self.decay_steps = positive("decay_steps", decay_steps, " of steps")

    def __call__(self, step):
        return self.initial_value * ops.rsqrt(1.0 + ops.cast(step, "float32") / self.decay_steps)

    def get_config(self) -> dict[str, Any]:
        return {"initial_value": self.initial_value, "decay_steps": self.decay_steps}
