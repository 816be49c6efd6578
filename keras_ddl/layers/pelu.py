"""Parametric exponential linear unit."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite
from keras_ddl.layers.channel_activation import ChannelActivation


@keras.saving.register_keras_serializable(package="keras_ddl")
class AtLeast(keras.constraints.Constraint):
    """Constrains weights to be at least `minimum`.

    Args:
        minimum: float. Default .1.
    """

    def __init__(self, minimum=0.1):
        self.minimum = finite("minimum", minimum)

    def __call__(self, w):
        return ops.maximum(w, self.minimum)

    def get_config(self) -> dict[str, Any]:
        return {"minimum": self.minimum}


@keras.saving.register_keras_serializable(package="keras_ddl")
class PELU(ChannelActivation):
    """ELU with a trainable scale `alpha` and a trainable decay `beta` for every channel.

    The output is `alpha / beta * x` where `x > 0`, else `alpha * (exp(x / beta) - 1)`. The function
    is differentiable at 0. With the default initializers it starts as ELU. The layer replaces
    `keras_contrib.layers.PELU`, whose weights have one entry for every unit.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        alpha_initializer, beta_initializer: initializers. Default "ones".
        alpha_regularizer, beta_regularizer: optional regularizers.
        alpha_constraint, beta_constraint: constraints. Default: at least .1, as in the paper.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.

    Output shape: same as the input shape.

    Example:

    >>> PELU()(np.array([[-1.0, 2.0]]))
    [[-0.632, 2.]]

    Reference: Trottier, Giguère and Chaib-draa, "Parametric Exponential Linear Unit for Deep
    Convolutional Neural Networks", arXiv 1605.09332 (2016).
    """

    weight_names = ("alpha", "beta")

    def __init__(
        self,
        axis=-1,
        *,
        alpha_initializer="ones",
        alpha_regularizer=None,
        alpha_constraint="default",
        beta_initializer="ones",
        beta_regularizer=None,
        beta_constraint="default",
        **kwargs,
    ):
        options = {
            "alpha_initializer": alpha_initializer,
            "alpha_regularizer": alpha_regularizer,
            "alpha_constraint": AtLeast() if alpha_constraint == "default" else alpha_constraint,
            "beta_initializer": beta_initializer,
            "beta_regularizer": beta_regularizer,
            "beta_constraint": AtLeast() if beta_constraint == "default" else beta_constraint,
        }
        super().__init__(axis, options, **kwargs)

    def activate(self, x, alpha, beta) -> Any:
        # `where` comes first: for positive `x` the exponential and its gradient could overflow.
        below = alpha * ops.expm1(ops.where(x > 0, ops.zeros_like(x), x) / beta)
        return ops.where(x > 0, alpha / beta * x, below)
