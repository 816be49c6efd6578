"""Kaiming (He, MSRA) initialization with PyTorch's arguments."""

from typing import Any

import keras

from keras_ddl._checks import one_of
from keras_ddl.initializers.gain import calculate_gain
from keras_ddl.initializers.seeding import FreshDraws

_ARGUMENTS = """
    Args:
        negative_slope: float, the slope of the leaky ReLU after the layer. It is used only by the
            nonlinearity "leaky_relu". Default 0, which is ReLU.
        mode: "fan_in" preserves the scale of signals in the forward pass, "fan_out" that of
            gradients in the backward pass. Default "fan_in".
        nonlinearity: the activation function after the layer, a name that `calculate_gain` knows.
            Default "leaky_relu".
        seed: optional integer or `keras.random.SeedGenerator`. Without a seed every call returns
            new random values.

    Raises:
        ValueError: if `mode` is neither of the two, or the nonlinearity is not known.

    Reference: He et al., "Delving Deep into Rectifiers", arXiv 1502.01852.
"""


class _Kaiming(FreshDraws, keras.initializers.VarianceScaling):
    distribution_name = ""

    def __init__(self, negative_slope=0.0, mode="fan_in", nonlinearity="leaky_relu", seed=None):
        one_of("mode", mode, ("fan_in", "fan_out"))
        gain = calculate_gain(nonlinearity, negative_slope)
        super().__init__(scale=gain**2, mode=mode, distribution=self.distribution_name, seed=seed)
        self.negative_slope = negative_slope
        self.nonlinearity = nonlinearity

    def get_config(self) -> dict[str, Any]:
        return {
            "negative_slope": self.negative_slope,
            "mode": self.mode,
            "nonlinearity": self.nonlinearity,
            "seed": super().get_config()["seed"],
        }


@keras.saving.register_keras_serializable(package="keras_ddl")
class KaimingUniform(_Kaiming):
    __doc__ = f"""Uniform in +-gain * sqrt(3 / fan), where fan is fan-in or fan-out.
{_ARGUMENTS}"""
    distribution_name = "uniform"


@keras.saving.register_keras_serializable(package="keras_ddl")
class KaimingNormal(_Kaiming):
    __doc__ = f"""Normal with standard deviation gain / sqrt(fan), where fan is fan-in or fan-out.

    The distribution is not truncated, as in PyTorch; `keras.initializers.HeNormal` truncates it.
{_ARGUMENTS}"""
    distribution_name = "untruncated_normal"
