"""A learning rate schedule for a model that is already compiled."""

import keras
import numpy as np
from keras import ops

from keras_ddl._backend import compiled
from keras_ddl._checks import one_of
from keras_ddl.callbacks._attachment import attach, clear, detach
from keras_ddl.optimizers import ScheduledRate
from keras_ddl.optimizers.scheduled_rate import rate_at
from keras_ddl.optimizers.wrapper import OptimizerWrapper, host_integer

_PROBE_STEPS = (0, 1, 7)  # steps at which compiled and uncompiled functions are compared


class LearningRateSchedule(keras.callbacks.Callback):
    """Applies a learning rate schedule to a model that was compiled with a number.

    Core's `LearningRateScheduler` sets the rate from Python, once per epoch. With this callback any
    schedule of `keras.optimizers.schedules` or `keras_ddl.schedules` runs per epoch, or per step
    inside the compiled step. You need not compile the model again, and the optimizer keeps its
    state. After `fit` the optimizer's learning rate variable has the last value. `logs` receive the
    entry `learning_rate`, the last rate of the epoch.

    Steps are updates, counted from the beginning of epoch 0. A `fit` with `initial_epoch=3`, or one
    that core's `BackupAndRestore` resumes in epoch 3, continues at the first step of epoch 3.

    ```python
    model.compile("adam", "mse")
    model.fit(x, y, callbacks=[LearningRateSchedule(OneCycle(1e-2, total_steps=1000))])
    ```

    Args:
        schedule: a Keras `LearningRateSchedule`, or a function `(step) -> rate` or
            `(step, last_rate) -> rate`. With `per="epoch"` it receives epochs instead of steps. A
            function per step that cannot be compiled, such as one with an `if`, is called from
            Python before every execution of the step. This costs little on TensorFlow and PyTorch,
            but on JAX all weights are copied to the model each time.
        per: the unit that the schedule counts, "step" (the default) or "epoch".

    Raises:
        ValueError: if `schedule` is not callable, `per` is neither of the two, or the optimizer was
            compiled with a schedule: two schedules cannot be combined.
    """

    def __init__(self, schedule, per="step") -> None:
        super().__init__()
        if not callable(schedule):
            raise ValueError(
                "LearningRateSchedule: `schedule` must be a LearningRateSchedule or a callable. "
                f"Received: schedule={schedule!r}"
            )
        self.schedule = schedule
        self.per = one_of("per", per, ("step", "epoch"))
        # Only a function that is called from Python requires JAX to wait for each step.
        self.async_safe = per == "epoch" or isinstance(
            schedule, keras.optimizers.schedules.LearningRateSchedule
        )

    def on_train_begin(self, logs=None) -> None:
        clear(self, self.model)
        require_plain_rate(self, self.model)
        self._wrapper, self._begun, self._batches = None, False, 0
        if self.per == "step" and _compiles(self.schedule, current_rate(self.model)):
            self._wrapper = attach(
                self, self.model, None, lambda plain: ScheduledRate(plain, self.schedule)
            )

    def on_epoch_begin(self, epoch, logs=None) -> None:
        if self.per == "epoch":
            self._set(epoch)
        elif not self._begun:
            # Not in `on_train_begin`: the epoch is not known there, and another callback may load
            # the optimizer's state there.
            self._begun = True
            self._batches = self._batches_before(epoch)
            if self._wrapper is not None:
                self._wrapper.begin_at(self._batches // self._accumulated)
        self._epoch_began = self._batches

    def on_train_batch_begin(self, batch, logs=None) -> None:
        if self.per == "step" and self._wrapper is None:
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()  # otherwise the step would not use the new rate
            self._set((self._epoch_began + batch) // self._accumulated)

    def on_train_batch_end(self, batch, logs=None) -> None:
        self._batches = self._epoch_began + batch + 1

    def on_epoch_end(self, epoch, logs=None) -> None:
        if logs is not None:
            logs["learning_rate"] = current_rate(self.model)

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)

    @property
    def _accumulated(self):
        return self.model.optimizer.gradient_accumulation_steps or 1

    def _batches_before(self, epoch):
        steps = self.params.get("steps")
        if not epoch or steps:
            return epoch * (steps or 0)
        # For a data set of unknown length, use the number of all updates of the optimizer.
        return host_integer(self.model.optimizer.iterations) * self._accumulated

    def _set(self, count):
        rate = rate_at(self.schedule, count, current_rate(self.model))
        self.model.optimizer.learning_rate = float(ops.convert_to_numpy(rate))


def _compiles(schedule, rate):
    """Whether a schedule returns the same values in a compiled step as for plain integers."""
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return True
    try:
        function = compiled(lambda step, last: ops.cast(rate_at(schedule, step, last), "float32"))
        inside = [
            float(
                ops.convert_to_numpy(
                    function(
                        ops.convert_to_tensor(step, dtype="int32"),
                        ops.convert_to_tensor(rate, dtype="float32"),
                    )
                )
            )
            for step in _PROBE_STEPS
        ]
    except Exception:  # a function for plain numbers may raise any error for a tensor
        return False
    try:
        outside = [
            float(ops.convert_to_numpy(rate_at(schedule, step, rate))) for step in _PROBE_STEPS
        ]
    except Exception:  # the function accepts only tensors
        return True
    return np.allclose(inside, outside, rtol=1e-4, atol=0)


def current_rate(model) -> float:
    """The current learning rate: that of the last step, or of the next one if it was set since."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def require_plain_rate(callback, model) -> None:
    """Raise ValueError if the learning rate of the model's optimizer is not a number."""
    optimizer = model.optimizer
    while True:
        if isinstance(optimizer, ScheduledRate):
            _refuse(callback, type(optimizer.schedule).__name__)
        if isinstance(optimizer, OptimizerWrapper):
            optimizer = optimizer.optimizer
        elif isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = optimizer.inner_optimizer
        else:
            break
    rate = optimizer.get_config()["learning_rate"]
    if not isinstance(rate, float | int):
        _refuse(callback, rate.get("class_name") if isinstance(rate, dict) else rate)


def _refuse(callback, schedule):
    raise ValueError(
        f"{type(callback).__name__}: the optimizer's learning rate is already a schedule. "
        "Compile the model with a number as `learning_rate`, and use one such callback. "
        f"Received: learning_rate={schedule}"
    )
