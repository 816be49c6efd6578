"""Stochastic depth: dropout of whole residual branches."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import one_of, unit_interval


@keras.saving.register_keras_serializable(package="keras_ddl")
class StochasticDepth(keras.layers.Layer):
    """Adds a residual branch to its shortcut, and randomly drops the branch in training.

    In training the output is `shortcut + b * residual`, where `b` is 1 with probability
    `survival_probability` and 0 otherwise. At inference the output is
    `shortcut + survival_probability * residual`. The layer replaces the one of the same name in
    TensorFlow Addons.

    Args:
        survival_probability: float in [0, 1], the probability of keeping the residual branch. In
            the paper it falls linearly with depth, from 1 at the input to .5 at the last block.
            Default 0.5.
        sampling: "batch" to keep or drop the branch for all examples of a step together, as in the
            paper, or "example" to decide for each example separately. Default "batch".
        seed: optional integer, the seed of the layer's random stream.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: a list `[shortcut, residual]` of tensors of the same shape, or `residual` alone. In
            the second case the layer returns the scaled residual, without the shortcut.
        training: whether branches are dropped. `fit` sets it; default False.

    Output shape: that of `residual`.

    Example:

    >>> shortcut = keras.ops.ones((8, 32, 32, 16))
    >>> residual = keras.layers.Conv2D(16, 3, padding="same")(shortcut)
    >>> StochasticDepth(0.8)([shortcut, residual]).shape
    (8, 32, 32, 16)

    Raises:
        ValueError: if `survival_probability` is not in [0, 1], `sampling` is neither of the two, or
            `inputs` is a dictionary or a list that does not have two tensors.

    Reference: Huang et al., "Deep Networks with Stochastic Depth", arXiv 1603.09382 (2016).
    """

    def __init__(self, survival_probability=0.5, sampling="batch", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.survival_probability = unit_interval("survival_probability", survival_probability)
        self.sampling = one_of("sampling", sampling, ("batch", "example"))
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True  # it has no weights

    def call(self, inputs, training=False) -> Any:
        pair = isinstance(inputs, list | tuple)
        if isinstance(inputs, dict) or (pair and len(inputs) != 2):
            raise ValueError(
                "`inputs` must be a residual branch or a list [shortcut, residual]. "
                f"Received: a {type(inputs).__name__} of {len(inputs)}"
            )
        residual = ops.cast(inputs[1] if pair else inputs, self.compute_dtype)
        scaled = residual * ops.cast(self._scale(residual, training), residual.dtype)
        return ops.cast(inputs[0], self.compute_dtype) + scaled if pair else scaled

    def _scale(self, residual, training):
        if not training:
            return self.survival_probability
        examples = ops.shape(residual)[0] if self.sampling == "example" else 1
        shape = (examples, *[1] * (len(residual.shape) - 1))
        # In float32: bfloat16 rounds a probability of .999 to 1.
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return uniform < self.survival_probability

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        if isinstance(input_shape, dict):  # `call` raises an error for it
            return next(iter(input_shape.values()))
        return tuple(input_shape[-1] if isinstance(input_shape[0], list | tuple) else input_shape)

    def compute_mask(self, inputs, previous_mask) -> Any:
        return previous_mask[0] if isinstance(inputs, list | tuple) else previous_mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "survival_probability": self.survival_probability,
            "sampling": self.sampling,
            "seed": self.seed,
        }
