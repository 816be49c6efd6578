"""SGD whose momentum follows a schedule."""

from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl._checks import unit_interval
from keras_ddl.optimizers.fused_sgd import FusedSGD, can_fuse


@keras.saving.register_keras_serializable(package="keras_ddl")
class ScheduledMomentumSGD(FusedSGD):
    """`keras.optimizers.SGD` whose momentum may follow a schedule, as its learning rate may.

    With t, the number of updates so far:

    ```
    velocity = momentum(t) * velocity - learning_rate(t) * gradient
    weight = weight + velocity
    ```

    With Nesterov momentum `weight = weight + momentum(t) * velocity - learning_rate(t) * gradient`.

    The schedule is evaluated inside the compiled training step, so a change of the momentum does
    not compile the step again. On TensorFlow one operation updates a weight and its velocity, as
    in `FusedSGD`. In the example the momentum rises from .5 towards .99 while the learning rate
    falls, as in the first paper on dropout (Hinton et al., 2012, arXiv 1207.0580, appendix A):

    ```python
    from keras_ddl.schedules import ExponentialApproach

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
        # `keras.optimizers.SGD.build` creates velocities only if `momentum` is not 0. With a
        # schedule any other number serves: updates read `current_momentum` instead.
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
        # Under `tf.distribute` Keras passes TensorFlow's variable of the replica.
        weight = variable.value if isinstance(variable, keras.Variable) else variable
        # The fused update reads `current_momentum`. Without it `keras.optimizers.SGD` updates the
        # weight with `momentum`, which is right only without a schedule.
        if self._momentum_schedule is None or can_fuse(weight, gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.current_momentum, variable.dtype)
        descent = ops.cast(gradient, variable.dtype) * ops.cast(learning_rate, variable.dtype)
        self.assign(velocity, velocity * momentum - descent)
        # `velocity` now holds its new value.
        self.assign_add(variable, velocity * momentum - descent if self.nesterov else velocity)

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
