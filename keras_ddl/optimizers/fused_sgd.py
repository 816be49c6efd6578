"""SGD that updates each weight in one operation."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_ddl")
class FusedSGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD` that updates each weight in one operation on TensorFlow.

    Core's update consists of multiplications, a subtraction and two assignments, and each of them
    reads and writes the whole weight. On a CPU this takes a considerable part of the step for wide
    layers with small batches, and for a `Population`. XLA (`jit_compile=True`, JAX) fuses these
    operations by itself. The results equal core's up to float rounding. On other backends, and for
    sparse gradients, bfloat16 weights and `tf.distribute`, core's update runs.

    Args:
        learning_rate: float, `LearningRateSchedule` or callable. Default .01.
        momentum: float in [0, 1]. Default 0.
        nesterov: whether to apply Nesterov momentum. Default False.
        **kwargs: passed to `keras.optimizers.SGD`.

    Reference: Sutskever et al., "On the importance of initialization and momentum in deep
    learning", ICML 2013.
    """

    def update_step(self, gradient, variable, learning_rate) -> None:
        weight = variable.value if isinstance(variable, keras.Variable) else variable
        if not _can_fuse(weight, gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(var=weight.handle, alpha=rate, delta=gradient)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=weight.handle,
            accum=velocity.value.handle,
            lr=rate,
            grad=gradient,
            momentum=ops.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )


def _can_fuse(weight, gradient):
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    plain = isinstance(gradient, tf.Tensor) and not isinstance(
        weight, tf.distribute.DistributedValues
    )
    # The fused operations have kernels for these dtypes on every device, but not for bfloat16.
    known = weight.dtype in (tf.float16, tf.float32, tf.float64)
    return plain and known and not tf.distribute.has_strategy()
