"""Cyclical schedules: values that rise and fall."""

import math
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl._checks import finite, one_of, positive, unit_interval

MODES = ("triangular", "triangular2", "exp_range", "exp_cycle")


@keras.saving.register_keras_serializable(package="keras_ddl")
class Cyclical(LearningRateSchedule):
    """A value that rises and falls linearly between two bounds, repeatedly.

    ```
    cycle(step) = floor(1 + step / (2 * step_size))
    height(step) = max(0, 1 - |step / step_size - 2 * cycle + 1|)
    value(step) = minimum + (maximum - minimum) * height * scale
    ```

    `scale` is 1 in mode "triangular", `2 ** (1 - cycle)` in "triangular2" (each cycle is half as
    high as the one before), `decay ** step` in "exp_range" and `decay ** (cycle - 1)` in
    "exp_cycle".

    Args:
        minimum: float, the lower bound, where each cycle begins and ends.
        maximum: float, the upper bound.
        step_size: half the length of a cycle, in steps, > 0. The paper recommends the number of
            steps in 2 to 10 epochs.
        mode: "triangular" (the default), "triangular2", "exp_range" or "exp_cycle".
        decay: float > 0, used by "exp_range" and "exp_cycle" only. Default .9999, which suits
            "exp_range".

    Raises:
        ValueError: if `step_size` or `decay` is not positive, or `mode` is none of the four.

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186.
    """

    def __init__(self, minimum, maximum, step_size, mode="triangular", decay=0.9999):
        super().__init__()
        self.minimum = finite("minimum", minimum)
        self.maximum = finite("maximum", maximum)
        self.step_size = positive("step_size", step_size, " of steps")
        self.mode = one_of("mode", mode, MODES)
        self.decay = positive("decay", decay)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        cycle = ops.floor(1.0 + step / (2 * self.step_size))
        height = ops.maximum(0.0, 1.0 - ops.abs(step / self.step_size - 2.0 * cycle + 1.0))
        if self.mode == "triangular2":
            height *= ops.power(2.0, 1.0 - cycle)
        elif self.mode == "exp_range":
            height *= ops.power(ops.cast(self.decay, "float32"), step)
        elif self.mode == "exp_cycle":
            height *= ops.power(ops.cast(self.decay, "float32"), cycle - 1.0)
        return self.minimum + (self.maximum - self.minimum) * height

    def get_config(self) -> dict[str, Any]:
        return {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "step_size": self.step_size,
            "mode": self.mode,
            "decay": self.decay,
        }


@keras.saving.register_keras_serializable(package="keras_ddl")
class OneCycle(LearningRateSchedule):
    """One rise to a peak and one long fall, each along half a cosine wave.

    The value goes from `initial_value` at step 0 to `peak_value` at step `rise * total_steps - 1`,
    and from there to `final_value` at the last step, `total_steps - 1`. Later steps keep
    `final_value`. These are the values of PyTorch's `OneCycleLR`. The method `momentum` returns the
    matching momentum schedule, in which the momentum falls while the learning rate rises.

    ```python
    rate = OneCycle(peak_value=0.5, total_steps=2000)
    optimizer = ScheduledMomentumSGD(rate, momentum=rate.momentum(low=0.85, high=0.95))
    ```

    Args:
        peak_value: float, the highest value.
        total_steps: the length of the cycle, in steps, > 0.
        initial_value: float. Default: `peak_value / 25`.
        final_value: float. Default: `initial_value / 10_000`.
        rise: the fraction of the steps before the peak, in [0, 1]. Default .3.

    Raises:
        ValueError: if `total_steps` is not positive, or `rise` is not a number in [0, 1].

    Reference: Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using
    Large Learning Rates", arXiv:1708.07120. The cosines and defaults follow PyTorch.
    """

    def __init__(self, peak_value, total_steps, initial_value=None, final_value=None, rise=0.3):
        super().__init__()
        self.peak_value = finite("peak_value", peak_value)
        self.total_steps = positive("total_steps", total_steps, " of steps")
        if initial_value is None:
            initial_value = peak_value / 25
        self.initial_value = finite("initial_value", initial_value)
        if final_value is None:
            final_value = initial_value / 1e4
        self.final_value = finite("final_value", final_value)
        self.rise = unit_interval("rise", rise)

    def __call__(self, step):
        last = self.total_steps - 1
        peak = min(max(self.rise * self.total_steps - 1, 0), last)
        step = ops.minimum(ops.cast(step, "float32"), float(last))
        # `1e-7` avoids a division by 0 where `rise` is 0 or 1, or `total_steps` is 1.
        up = ops.minimum(step / max(peak, 1e-7), 1.0)
        down = ops.clip((step - peak) / max(last - peak, 1e-7), 0.0, 1.0)
        climb = _half_cosine(self.initial_value, self.peak_value, up)
        fall = _half_cosine(self.peak_value, self.final_value, down)
        return ops.where(step < peak, climb, fall)

    def momentum(self, low=0.85, high=0.95) -> "OneCycle":
        """The matching momentum schedule: from `high` to `low` at the peak, and back to `high`.

        Args:
            low: float in [0, 1], the momentum at the peak of the learning rate. Default .85.
            high: float in [0, 1], the momentum at both ends. Default .95.
        """
        return OneCycle(
            peak_value=unit_interval("low", low),
            total_steps=self.total_steps,
            initial_value=unit_interval("high", high),
            final_value=high,
            rise=self.rise,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "peak_value": self.peak_value,
            "total_steps": self.total_steps,
            "initial_value": self.initial_value,
            "final_value": self.final_value,
            "rise": self.rise,
        }


def _half_cosine(start, end, done):
    """Go from `start` to `end` while `done` goes from 0 to 1, with slope 0 at both ends."""
    return start + (end - start) * (1.0 - ops.cos(math.pi * done)) / 2.0
