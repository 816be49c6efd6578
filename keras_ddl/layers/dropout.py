"""Dropout whose rate is a weight."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import unit_interval


@keras.saving.register_keras_serializable(package="keras_ddl")
class VariableDropout(keras.layers.Layer):
    """Dropout whose rate is a non-trainable weight, so it can change without recompiling.

    In training every input unit is set to zero with probability `rate` and the others are scaled
    by `1 / (1 - rate)`; at inference the input passes unchanged. `keras.layers.Dropout` bakes its
    rate into the compiled step; here it is read at every step. Models that differ only in their
    rates share one graph, and a schedule may move the rate during training:

    ```python
    dropout = VariableDropout(0.5)
    model.compile(...)
    model.fit(...)
    dropout.rate = 0.2  # takes effect at once, nothing is traced again
    model.fit(...)
    ```

    Args:
        rate: float in [0, 1], the share of units dropped. At 1 every unit is dropped.
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: floating-point tensor of any rank and shape.
        training: whether units are dropped. `fit` sets it; default False.

    Output shape: the input's.

    Raises:
        ValueError: if `rate` is not a number in [0, 1].

    Reference: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15 (2014).
    """

    arguments_in_weights = frozenset({"rate"})  # members of a Population may differ in it

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed)
        # float32 and outside autocast: bfloat16 cannot tell a rate of .999 from 1.
        self._rate = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(unit_interval("rate", rate)),
            dtype="float32",
            trainable=False,
            autocast=False,
            name="rate",
        )
        self.built = True  # its only weight exists, whatever the input

    @property
    def rate(self) -> float:
        """The share of units dropped, a float. Assign a number in [0, 1] to change it."""
        return float(self._rate)

    @rate.setter
    def rate(self, rate) -> None:
        self._rate.assign(unit_interval("rate", rate))

    def call(self, inputs, training=False) -> Any:
        inputs = ops.cast(inputs, self.compute_dtype)  # integers too
        if not training:
            return inputs
        # One draw whatever the rate is, so runs that differ in rate see the same uniforms: a unit
        # kept at one rate is kept at every lower rate, and their comparison is paired.
        uniform = keras.random.uniform(ops.shape(inputs), dtype="float32", seed=self.seed_generator)
        kept = uniform >= self._rate
        # At rate 1 nothing is kept; the guard turns 0 * inf into 0.
        scale = 1.0 / ops.maximum(1.0 - self._rate, keras.config.epsilon())
        return inputs * ops.cast(ops.where(kept, scale, 0.0), inputs.dtype)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
