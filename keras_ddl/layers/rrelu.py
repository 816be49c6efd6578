"""Randomized leaky ReLU."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite


@keras.saving.register_keras_serializable(package="keras_ddl")
class RReLU(keras.layers.Layer):
    """Leaky ReLU with a random slope for negative inputs.

    The output is `x` where `x > 0`, else `slope * x`. In training the slope of every entry is drawn
    uniformly from [`lower`, `upper`]. At inference the slope is the mean of `lower` and `upper`.
    The random slopes regularize, most of all on small data sets. The layer replaces
    `tfa.activations.rrelu`.

    Args:
        lower: float, the smallest slope. Default 1/8.
        upper: float, the largest slope, at least `lower`. Default 1/3.
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of any shape.
        training: whether slopes are random. `fit` sets it; default False.

    Output shape: same as the input shape.

    Example:

    >>> RReLU(0.1, 0.3)(np.array([-1.0, 2.0]))
    [-0.2, 2.]

    Raises:
        ValueError: if `lower` or `upper` is not a number, or `lower` exceeds `upper`.

    Reference: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network",
    arXiv 1505.00853 (2015). The paper instead divides negative inputs by a number drawn uniformly
    from [3, 8].
    """

    def __init__(self, lower=1 / 8, upper=1 / 3, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.lower, self.upper = finite("lower", lower), finite("upper", upper)
        if lower > upper:
            raise ValueError(
                f"`upper` must be at least `lower`. Received: lower={lower!r}, upper={upper!r}"
            )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True  # it has no weights

    def call(self, inputs, training=False) -> Any:
        x = ops.cast(inputs, self.compute_dtype)
        if not training:
            return ops.where(x > 0, x, x * ((self.lower + self.upper) / 2))
        slopes = keras.random.uniform(
            ops.shape(x), self.lower, self.upper, dtype="float32", seed=self.seed_generator
        )
        return ops.where(x > 0, x, x * ops.cast(slopes, x.dtype))

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"lower": self.lower, "upper": self.upper, "seed": self.seed}
        return {**super().get_config(), **config}
