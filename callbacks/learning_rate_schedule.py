"""A schedule on a model that is compiled already."""

import keras

from keras_ddl._checks import one_of
from keras_ddl.callbacks._attachment import attach, clear, detach
from keras_ddl.optimizers import ScheduledRate


class LearningRateSchedule(keras.callbacks.Callback):
    """Put a learning-rate schedule on a model that was compiled with a number.

    Core's `LearningRateScheduler` sets the rate once an epoch, from Python. Here any schedule of
    `keras.optimizers.schedules` or `keras_ddl.schedules` runs per step, inside the compiled step,
    or per epoch; the model is not compiled again, and the optimizer keeps its state. Step and epoch
    count from the beginning of this `fit`. Afterwards the optimizer has its own rate variable as
    before, holding the last value. `logs` get `learning_rate`, the last one of the epoch.

    ```python
    model.compile("adam", "mse")
    model.fit(x, y, callbacks=[LearningRateSchedule(OneCycle(1e-2, total_steps=1000))])
    ```

    Args:
        schedule: a Keras `LearningRateSchedule`, or a callable from the step (or epoch) to a rate;
            per step it must be written in `keras.ops`.
        per: "step" (the default) or "epoch": what the schedule counts.

    Raises:
        ValueError: if `schedule` is not callable, `per` is neither of the two, or the optimizer
            was compiled with a schedule: two cannot rule at once.
    """

    def __init__(self, schedule, per="step"):
        super().__init__()
        if not callable(schedule):
            raise ValueError(
                "LearningRateSchedule: `schedule` must be a LearningRateSchedule or a callable. "
                f"Received: schedule={schedule!r}"
            )
        self.schedule = schedule
        self.per = one_of("per", per, ("step", "epoch"))

    def on_train_begin(self, logs=None):
        clear(self, self.model)
        require_plain_rate(self, self.model)
        if self.per == "step":
            attach(self, self.model, None, lambda plain: ScheduledRate(plain, self.schedule))

    def on_epoch_begin(self, epoch, logs=None):
        if self.per == "epoch":
            self.model.optimizer.learning_rate = float(self.schedule(epoch))

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = current_rate(self.model)

    def on_train_end(self, logs=None):
        detach(self, self.model)


def current_rate(model):
    """The learning rate that the model's last step had, or its next one will have."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def require_plain_rate(callback, model):
    """Raise ValueError if the learning rate of the model's optimizer is not a number."""
    optimizer = model.optimizer
    while hasattr(optimizer, "inner_optimizer") or isinstance(optimizer, ScheduledRate):
        if isinstance(optimizer, ScheduledRate):
            _refuse(callback, type(optimizer.schedule).__name__)
        optimizer = optimizer.inner_optimizer
    rate = getattr(optimizer, "optimizer", optimizer).get_config()["learning_rate"]
    if not isinstance(rate, float | int):
        _refuse(callback, rate.get("class_name") if isinstance(rate, dict) else rate)


def _refuse(callback, schedule):
    raise ValueError(
        f"{type(callback).__name__}: the optimizer's learning rate is ruled by a schedule already. "
        "Compile the model with a number as `learning_rate`, and use one such callback. "
        f"Received: learning_rate={schedule}"
    )
