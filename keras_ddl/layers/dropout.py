"""Dropout whose rate is a weight."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import is_integer, unit_interval


@keras.saving.register_keras_serializable(package="keras_ddl")
class VariableDropout(keras.layers.Layer):
    """Dropout whose rate is a non-trainable weight, so it can change without recompiling.

    In training every input unit is set to zero with probability `rate`, and the others are scaled
    by `1 / (1 - rate)`. At inference the layer is the identity. In `keras.layers.Dropout` the rate
    is a constant of the compiled step; here it is a weight that every step reads. Models that
    differ only in their rates share one graph, and the rate may change during training:

    ```python
    dropout = VariableDropout(0.5)
    model.compile(...)
    model.fit(...)
    dropout.rate = 0.2  # takes effect at once, nothing is traced again
    model.fit(...)
    ```

    Args:
        rate: float in [0, 1], the probability of dropping a unit. At 1 every unit is dropped.
        seed: optional integer, the seed of the layer's random stream.
        noise_shape: optional tuple, the shape of the mask. None stands for the size of the input,
            and 1 means that all units along this axis are kept or dropped together. For inputs of
            shape `(batch, steps, features)`, `(None, 1, None)` drops a feature at all steps.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: floating-point tensor of any rank and shape.
        training: whether units are dropped. `fit` sets it; default False.

    Output shape: same as the input shape.

    Raises:
        ValueError: if `rate` is not a number in [0, 1].

    Reference: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15 (2014).
    """

    arguments_in_weights = frozenset({"rate"})  # members of a Population may have different rates

    def __init__(self, rate, seed=None, *, noise_shape=None, **kwargs):
        super().__init__(**kwargs)
        if noise_shape is not None:
            sizes = noise_shape if isinstance(noise_shape, list | tuple) else [0]
            if any(size is not None and not (is_integer(size) and size > 0) for size in sizes):
                raise ValueError(
                    "`noise_shape` must be None or a tuple of positive integers and None. "
                    f"Received: noise_shape={noise_shape!r}"
                )
            noise_shape = [None if size is None else int(size) for size in sizes]
        self.noise_shape = noise_shape
        self.seed = seed
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed)
        # float32 without autocast: bfloat16 rounds a rate of .999 to 1.
        self._rate = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(unit_interval("rate", rate)),
            dtype="float32",
            trainable=False,
            autocast=False,
            name="rate",
        )
        self.built = True  # its only weight does not depend on the input shape

    @property
    def rate(self) -> float:
        """The probability of dropping a unit. Assign a number in [0, 1] to change it."""
        return float(self._rate)

    @rate.setter
    def rate(self, rate) -> None:
        self._rate.assign(unit_interval("rate", rate))

    def call(self, inputs, training=False) -> Any:
        inputs = ops.cast(inputs, self.compute_dtype)  # integers too
        if not training:
            return inputs
        # The uniform numbers do not depend on the rate. Runs with the same seed and different rates
        # use the same numbers, so a unit kept at one rate is kept at every lower rate, and the
        # comparison of such runs is paired.
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            sizes = zip(self.noise_shape, shape, strict=True)
            shape = tuple(size if noise is None else noise for noise, size in sizes)
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        kept = uniform >= self._rate
        # At rate 1 no unit is kept. `epsilon` avoids the division by 0.
        scale = 1.0 / ops.maximum(1.0 - self._rate, keras.config.epsilon())
        return inputs * ops.cast(ops.where(kept, scale, 0.0), inputs.dtype)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **config}
