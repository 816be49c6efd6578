"""Adam whose update of a weight is one operation."""

import keras
from keras import ops

from keras_ddl.optimizers.fused_sgd import can_fuse


@keras.saving.register_keras_serializable(package="keras_ddl")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with an update in one operation on TensorFlow.

    Core composes the update of more than ten operations, each of which passes over memory. XLA
    (`jit_compile=True`, JAX) fuses them itself. The result is core's, to float rounding. Other
    backends, `amsgrad`, sparse gradients, bfloat16 weights and `tf.distribute` take core's.

    Args:
        learning_rate: float, `LearningRateSchedule` or callable. Default .001.
        **kwargs: passed to `keras.optimizers.Adam`.

    Reference: Kingma and Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980.
    """

    def update_step(self, gradient, variable, learning_rate) -> None:
        weight = variable.value if isinstance(variable, keras.Variable) else variable
        if self.amsgrad or not can_fuse(weight, gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        place, dtype = self._get_variable_index(variable), variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=ops.power(ops.cast(self.beta_1, dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, dtype), step),
            lr=ops.cast(learning_rate, dtype),
            beta1=ops.cast(self.beta_1, dtype),
            beta2=ops.cast(self.beta_2, dtype),
            epsilon=ops.cast(self.epsilon, dtype),
            grad=ops.cast(gradient, dtype),
        )
