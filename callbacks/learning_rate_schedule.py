"""A schedule on a model that is compiled already."""

import keras
import numpy as np
from keras import ops

from keras_ddl._backend import compiled
from keras_ddl._checks import one_of
from keras_ddl.callbacks._attachment import attach, clear, detach
from keras_ddl.optimizers import ScheduledRate
from keras_ddl.optimizers.scheduled_rate import rate_at
from keras_ddl.optimizers.wrapper import OptimizerWrapper, host_integer

_TRIED = (0, 1, 7)  # steps at which a function must give the same compiled and uncompiled


class LearningRateSchedule(keras.callbacks.Callback):
    """Put a learning-rate schedule on a model that was compiled with a number.

    Core's `LearningRateScheduler` sets the rate once an epoch, from Python. Here any schedule of
    `keras.optimizers.schedules` or `keras_ddl.schedules` runs per step, inside the compiled step,
    or per epoch; the model is not compiled again, and the optimizer keeps its state. Afterwards the
    optimizer has its own rate variable as before, holding the last value. `logs` get
    `learning_rate`, the last one of the epoch.

    Steps are updates, counted from the beginning of epoch 0. A `fit` with `initial_epoch=3`, or
    one that core's `BackupAndRestore` resumes, goes on at the step that epoch 3 begins with.

    ```python
    model.compile("adam", "mse")
    model.fit(x, y, callbacks=[LearningRateSchedule(OneCycle(1e-2, total_steps=1000))])
    ```

    Args:
        schedule: a Keras `LearningRateSchedule`, or a function `(step) -> rate` or
            `(step, last_rate) -> rate`, with epochs in place of steps for `per="epoch"`. A function
            per step that cannot be compiled, as one with an `if`, is called from Python before
            every execution of the step. That costs little on TensorFlow and PyTorch; on JAX all
            weights are handed over each time.
        per: "step" (the default) or "epoch": what the schedule counts.

    Raises:
        ValueError: if `schedule` is not callable, `per` is neither of the two, or the optimizer
            was compiled with a schedule: two cannot rule at once.
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
        # Only a function that is called from Python makes JAX wait for each step.
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
            # Not earlier: only here the epoch is known, and what another callback loaded.
            self._begun = True
            self._batches = self._batches_before(epoch)
            if self._wrapper is not None:
                self._wrapper.begin_at(self._batches // self._accumulated)
        self._epoch_began = self._batches

    def on_train_batch_begin(self, batch, logs=None) -> None:
        if self.per == "step" and self._wrapper is None:
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()  # or the step would not see the new rate
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
        # A data set of unknown length: all updates that the optimizer has made.
        return host_integer(self.model.optimizer.iterations) * self._accumulated

    def _set(self, count):
        rate = rate_at(self.schedule, count, current_rate(self.model))
        self.model.optimizer.learning_rate = float(ops.convert_to_numpy(rate))


def _compiles(schedule, rate):
    """Whether a schedule gives within a compiled step what it gives for plain integers."""
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
            for step in _TRIED
        ]
    except Exception:  # whatever a function does with a tensor that it did not expect
        return False
    try:
        outside = [float(ops.convert_to_numpy(rate_at(schedule, step, rate))) for step in _TRIED]
    except Exception:  # it needs tensors
        return True
    return np.allclose(inside, outside, rtol=1e-4, atol=0)


def current_rate(model):
    """The learning rate that the model's last step had, or its next one will have."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def require_plain_rate(callback, model):
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
        f"{type(callback).__name__}: the optimizer's learning rate is ruled by a schedule already. "
        "Compile the model with a number as `learning_rate`, and use one such callback. "
        f"Received: learning_rate={schedule}"
    )
