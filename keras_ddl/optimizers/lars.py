"""Layer-wise adaptive rate scaling."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite, positive
from keras_ddl.optimizers.fused_sgd import FusedSGD


@keras.saving.register_keras_serializable(package="keras_ddl")
class LARS(FusedSGD):
    """SGD with momentum, and a learning rate for each weight matrix by its norm.

    With large batches and learning rates, SGD diverges because some layers have large updates
    relative to their weights. LARS makes the ratio of both the same in all layers:

    ```
    local = trust_coefficient * |weight| / (|gradient| + weight_decay * |weight| + epsilon)
    velocity = momentum * velocity - rate * local * (gradient + weight_decay * weight)
    weight = weight + velocity
    ```

    Biases, and scales and offsets of normalization layers, which are vectors, are updated by SGD
    with momentum, without weight decay. `local` is 1 for weights that are all zero.

    Args:
        learning_rate: float, `LearningRateSchedule` or callable. Much higher than for SGD: the
            paper uses 2 to 30, with a warm-up. Default 1.
        momentum: float in [0, 1]. Default .9.
        weight_decay: float >= 0. It is part of the gradient here. Default 0.
        trust_coefficient: float > 0, the ratio of update and weight at a learning rate of 1.
            Default .001.
        epsilon: float > 0 added to the divisor. Default 1e-9.
        nesterov: whether to apply Nesterov momentum. Default False.
        **kwargs: passed to `keras.optimizers.SGD`.

    Raises:
        ValueError: if `weight_decay` is negative, or `trust_coefficient` or `epsilon` is not
            positive.

    Reference: You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks",
    arXiv:1708.03888.
    """

    def __init__(
        self,
        learning_rate=1.0,
        momentum=0.9,
        *,
        weight_decay=0.0,
        trust_coefficient=0.001,
        epsilon=1e-9,
        nesterov=False,
        **kwargs,
    ) -> None:
        if finite("weight_decay", weight_decay) < 0:
            raise ValueError(
                f"`weight_decay` must not be negative. Received: weight_decay={weight_decay!r}"
            )
        # Core's weight decay is not part of the gradient, so core receives none.
        super().__init__(
            learning_rate=learning_rate, momentum=momentum, nesterov=nesterov, **kwargs
        )
        self.decay = weight_decay
        self.trust_coefficient = positive("trust_coefficient", trust_coefficient)
        self.epsilon = positive("epsilon", epsilon)

    def update_step(self, gradient, variable, learning_rate) -> None:
        if len(variable.shape) > 1:
            weight = ops.cast(variable, "float32")
            gradient = ops.cast(gradient, "float32")
            norm, slope = (ops.sqrt(ops.sum(ops.square(one))) for one in (weight, gradient))
            local = self.trust_coefficient * norm
            local = local / (slope + self.decay * norm + self.epsilon)
            local = ops.where(norm > 0, local, 1.0)
            gradient = local * (gradient + self.decay * weight)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        config = {name: getattr(self, name) for name in ("trust_coefficient", "epsilon")}
        return {**super().get_config(), "weight_decay": self.decay, **config}
