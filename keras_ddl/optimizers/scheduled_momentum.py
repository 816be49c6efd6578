"""SGD whose momentum follows a schedule."""

from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl._checks import unit_interval


@keras.saving.register_keras_serializable(package="keras_ddl")
class ScheduledMomentumSGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD` whose momentum may follow a schedule, as its learning rate may.

    ```
    velocity = momentum(step) * velocity - learning_rate(step) * gradient
    weight = weight + velocity
    ```

    The schedule is evaluated inside the compiled step, so a change of the momentum does not trace
    the step again. A rising momentum with a falling learning rate is the classic recipe for ReLU
    networks with dropout:

    ```python
    optimizer = ScheduledMomentumSGD(
        learning_rate=keras.optimizers.schedules.InverseTimeDecay(1.0, 10_000, 1.0),
        momentum=ExponentialApproach(0.5, 0.99, 100_000),
    )
    ```

    Args:
        learning_rate: float, `LearningRateSchedule` or callable. Default .01.
        momentum: float in [0, 1], or a `LearningRateSchedule` with such values. Default .9.
        nesterov: whether to apply Nesterov momentum. Default False.
        **kwargs: passed to `keras.optimizers.SGD`.

    Raises:
        ValueError: if `momentum` is neither a schedule nor a number in [0, 1].

    Reference: Sutskever et al., "On the importance of initialization and momentum in deep
    learning", ICML 2013.
    """

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, **kwargs) -> None:
        scheduled = isinstance(momentum, LearningRateSchedule)
        if not scheduled:
            momentum = unit_interval("momentum", momentum, " or a LearningRateSchedule")
        # Core's `build` creates velocities if its momentum is not 0, so 1 stands for the schedule.
        super().__init__(
            learning_rate=learning_rate,
            momentum=1.0 if scheduled else momentum,
            nesterov=nesterov,
            **kwargs,
        )
        self._momentum_schedule = momentum if scheduled else None

    @property
    def current_momentum(self) -> Any:
        """The momentum of the next step: a float, or a scalar tensor if there is a schedule."""
        if self._momentum_schedule is None:
            return self.momentum
        return self._momentum_schedule(self.iterations)

    def update_step(self, gradient, variable, learning_rate) -> None:
        if self._momentum_schedule is None:
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.current_momentum, variable.dtype)
        step = ops.cast(gradient, variable.dtype) * ops.cast(learning_rate, variable.dtype)
        self.assign(velocity, velocity * momentum - step)
        self.assign_add(variable, velocity * momentum - step if self.nesterov else velocity)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._momentum_schedule is not None:
            config["momentum"] = keras.saving.serialize_keras_object(self._momentum_schedule)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None) -> Any:
        if isinstance(config["momentum"], dict):
            momentum = keras.saving.deserialize_keras_object(
                config["momentum"], custom_objects=custom_objects
            )
            config = {**config, "momentum": momentum}
        return super().from_config(config, custom_objects=custom_objects)
