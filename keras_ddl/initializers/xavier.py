"""Xavier initialization with a gain."""

from typing import Any

import keras

from keras_ddl._checks import positive
from keras_ddl.initializers.seeding import FreshDraws

_ARGUMENTS = """
    Args:
        gain: positive float, the factor on the standard deviation; see `calculate_gain`. Default 1.
        seed: optional integer or `keras.random.SeedGenerator`. Without a seed every call returns
            new random values.

    Raises:
        ValueError: if `gain` is not positive.

    Reference: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
"""


class _Xavier(FreshDraws, keras.initializers.VarianceScaling):
    distribution_name = ""

    def __init__(self, gain=1.0, seed=None):
        positive("gain", gain)
        super().__init__(
            scale=gain**2, mode="fan_avg", distribution=self.distribution_name, seed=seed
        )
        self.gain = gain

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": super().get_config()["seed"]}


@keras.saving.register_keras_serializable(package="keras_ddl")
class XavierUniform(_Xavier):
    __doc__ = f"""Uniform in +-gain * sqrt(6 / (fan_in + fan_out)).

    This is `keras.initializers.GlorotUniform` with a gain.
{_ARGUMENTS}"""
    distribution_name = "uniform"


@keras.saving.register_keras_serializable(package="keras_ddl")
class XavierNormal(_Xavier):
    __doc__ = f"""Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    The distribution is not truncated, as in PyTorch; `keras.initializers.GlorotNormal` truncates
    it.
{_ARGUMENTS}"""
    distribution_name = "untruncated_normal"
