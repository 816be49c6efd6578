"""The activation function for use after filter response normalization."""

from typing import Any

import keras

from keras_ddl.layers._precision import maximum
from keras_ddl.layers.channel_activation import ChannelActivation


@keras.saving.register_keras_serializable(package="keras_ddl")
class ThresholdedLinearUnit(ChannelActivation):
    """The activation `max(x, tau)`, with a trainable threshold `tau` for every channel.

    With `affine=True` the activation is `max(x, alpha * x + tau)`, where the slope `alpha` is
    trainable too.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        tau_initializer: initializer of `tau`. Default zeros, so that the layer starts as ReLU.
        tau_regularizer: optional regularizer of `tau`.
        tau_constraint: optional constraint of `tau`.
        affine: whether there is a slope. Default False.
        alpha_initializer: initializer of `alpha`. Default zeros.
        alpha_regularizer: optional regularizer of `alpha`.
        alpha_constraint: optional constraint of `alpha`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.

    Output shape: same as the input shape.

    Reference: Singh and Krishnan, "Filter Response Normalization Layer", 2019, arXiv 1911.09737.
    """

    def __init__(
        self,
        axis=-1,
        tau_initializer="zeros",
        tau_regularizer=None,
        tau_constraint=None,
        *,
        affine=False,
        alpha_initializer="zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        **kwargs,
    ):
        self.affine = affine
        self.weight_names = ("tau", "alpha") if affine else ("tau",)
        options = {
            "tau_initializer": tau_initializer,
            "tau_regularizer": tau_regularizer,
            "tau_constraint": tau_constraint,
            "alpha_initializer": alpha_initializer,
            "alpha_regularizer": alpha_regularizer,
            "alpha_constraint": alpha_constraint,
        }
        super().__init__(axis, options, **kwargs)

    def activate(self, x, tau, alpha=None) -> Any:
        return maximum(x, tau if alpha is None else tau + alpha * x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "affine": self.affine}
