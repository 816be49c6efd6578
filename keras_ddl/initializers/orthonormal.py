"""Initializers with orthonormal kernels."""

import math
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite, one_of
from keras_ddl.initializers.fan import fans
from keras_ddl.initializers.gain import calculate_gain
from keras_ddl.initializers.seeding import FreshDraws


@keras.saving.register_keras_serializable(package="keras_ddl")
class Orthonormal(FreshDraws, keras.initializers.Orthogonal):
    """Kernels with orthonormal columns, one column for each unit.

    A kernel `(*window, input channels, output channels)` is treated as a matrix with one row per
    fan-in and one column per output channel. If there are more units than inputs, the rows are
    orthonormal instead. The differences from core's `Orthogonal` are that without a seed every call
    returns new random values, and that half-precision kernels are computed in float32.

    Args:
        gain: float, the factor on the orthonormal matrix; see `calculate_gain`. Default 1.
        seed: optional integer or `keras.random.SeedGenerator`. Without a seed every call returns
            new random values.

    Example:

    ```python
    layer = keras.layers.Conv2D(32, 3, kernel_initializer=Orthonormal(calculate_gain("relu")))
    ```

    Reference: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", arXiv 1312.6120.
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(gain=finite("gain", gain), seed=seed)

    def __call__(self, shape, dtype=None):
        dtype = keras.backend.standardize_dtype(dtype)
        wide = dtype if dtype == "float64" else "float32"  # backends lack half-precision QR
        return ops.cast(super().__call__(shape, dtype=wide), dtype)


@keras.saving.register_keras_serializable(package="keras_ddl")
class OrthonormalMSRA(Orthonormal):
    """Orthonormal kernels scaled to the standard deviation of Kaiming initialization.

    Args:
        negative_slope: float, the slope of the leaky ReLU after the layer. Default 0, which is
            ReLU.
        mode: "fan_in" or "fan_out", as for `KaimingNormal`. Default "fan_in".
        seed: optional integer or `keras.random.SeedGenerator`. Without a seed every call returns
            new random values.

    Raises:
        ValueError: if `mode` is neither of the two.

    Reference: Mishkin & Matas, "All you need is a good init", arXiv 1511.06422.
    """

    def __init__(self, negative_slope=0.0, mode="fan_in", seed=None):
        one_of("mode", mode, ("fan_in", "fan_out"))
        super().__init__(gain=calculate_gain("leaky_relu", negative_slope), seed=seed)
        self.negative_slope = negative_slope
        self.mode = mode

    def __call__(self, shape, dtype=None):
        fan = fans(shape)[0 if self.mode == "fan_in" else 1]
        # The entries of an orthonormal (m, n) matrix have mean square 1 / max(m, n).
        longer = max(math.prod(shape[:-1]), shape[-1])
        return super().__call__(shape, dtype=dtype) * math.sqrt(longer / fan)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {"negative_slope": self.negative_slope, "mode": self.mode, "seed": config["seed"]}
