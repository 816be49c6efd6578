"""DropConnect: dropout of weights instead of units."""

import math
from typing import Any

import keras
from keras import layers, ops

from keras_ddl._checks import one_of, positive_integer, unit_interval
from keras_ddl.layers._masks import random_mask
from keras_ddl.layers.normalization.kernel import KernelWrapper

_PER_EXAMPLE = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)


@keras.saving.register_keras_serializable(package="keras_ddl")
class DropConnect(KernelWrapper):
    """Wraps Dense or a convolution and sets a random part of its weights to zero in training.

    In training every weight and every bias is set to zero with probability `rate`, and the others
    are scaled by `1 / (1 - rate)`. At inference the layer runs with its unchanged weights, which
    are the mean of the dropped ones. Biases are dropped like weights, as in the paper.

    The paper samples a mask for each example. This needs memory for one copy of the layer's weights
    per example of the batch, and a convolution is computed from patches of its input. One mask for
    the whole batch needs memory for one copy only, but its gradients are noisier. `sampling=
    "normal"` draws noise for each example at the cost of two products: it samples the sum of the
    dropped weights from the normal distribution with the same mean and variance. A sum of many
    dropped weights is nearly normal. For a convolution, and for Dense over several positions, this
    noise is independent at each position, while a mask is the same at all positions.

    At inference the paper draws the pre-activations from this normal distribution, and averages
    the activations over several draws. `inference_samples` does the same.

    Args:
        layer: Dense or a convolution; with `sampling="batch"` also a depthwise or a transposed
            convolution. Other wrappers must not share it.
        rate: float in [0, 1), the probability of dropping a weight. Default 0.5.
        sampling: "example" for a separate mask for each example, "normal" for its approximation
            by the normal distribution, or "batch" for one mask that all examples of a step share.
            Default "example".
        seed: optional integer, the seed of the layer's random stream.
        inference_samples: optional positive integer, the number of draws over which the
            activations are averaged at inference. None (default): one pass with the mean weights.
        **kwargs: passed to `keras.layers.Wrapper`.

    Call arguments:
        inputs: the inputs of the wrapped layer.
        training: whether weights are dropped. `fit` sets it; default False.

    Output shape: same as that of the wrapped layer.

    Example:

    >>> layer = DropConnect(keras.layers.Dense(64, activation="relu"), rate=0.5)
    >>> layer(keras.ops.ones((8, 100)), training=True).shape
    (8, 64)

    Raises:
        ValueError: if `layer` is of another kind, `rate` is not in [0, 1), `sampling` is none of
            the three, or `inference_samples` is not a positive integer. Unless
            `sampling="batch"` without `inference_samples`, also if `layer` is a depthwise,
            transposed or grouped convolution, or has an activity regularizer.

    Reference: Wan et al., "Regularization of Neural Networks using DropConnect", ICML 2013
    (proceedings.mlr.press/v28/wan13).
    """

    def __init__(
        self, layer, rate=0.5, sampling="example", seed=None, *, inference_samples=None, **kwargs
    ):
        super().__init__(layer, **kwargs)
        self.rate = unit_interval("rate", rate)
        if rate == 1:
            raise ValueError(f"`rate` must be below 1: 1 drops all weights. Received: rate={rate}")
        self.sampling = one_of("sampling", sampling, ("example", "normal", "batch"))
        if inference_samples is not None:
            inference_samples = positive_integer("inference_samples", inference_samples, " or None")
        self.inference_samples = inference_samples
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        if (sampling != "batch" or inference_samples) and not _takes_masks_per_example(layer):
            raise ValueError(
                f'`sampling="{sampling}"` with inference_samples={inference_samples} wraps Dense, '
                "Conv1D, Conv2D and Conv3D without groups and without an activity regularizer; "
                'use `sampling="batch"` for other layers. '
                f"Received: layer={layer!r}"
            )

    def call(self, inputs, training=False) -> Any:
        if not self.rate or not (training or self.inference_samples):
            return self.layer(inputs)
        if not training:
            return self._normal(inputs, self.inference_samples)
        if self.sampling == "normal":
            return self._normal(inputs, 1)
        if self.sampling == "example":
            return self._masked_for_each_example(inputs)
        tensors = {"kernel": self._drop(self._kernel())}
        if self.layer.bias is not None:
            tensors["bias"] = self._drop(ops.convert_to_tensor(self.layer.bias))
        return self._call_layer(inputs, **tensors)

    def effective_kernel(self) -> Any:
        """The kernel at inference, which is the wrapped layer's unchanged kernel."""
        return self._kernel()

    def _drop(self, values):
        kept = random_mask(values.shape, self.rate, self.seed_generator)
        return ops.where(kept, values / (1 - self.rate), ops.zeros((), values.dtype))

    def _linear(self):
        """The kernel as a matrix, and the bias or None, in the compute dtype."""
        layer = self.layer
        kernel = ops.cast(self._kernel(), self.compute_dtype)
        bias = None if layer.bias is None else ops.cast(layer.bias, self.compute_dtype)
        return ops.reshape(kernel, (-1, kernel.shape[-1])), bias

    def _product(self, inputs, kernel, each=""):
        """The product of the windows of the inputs and a kernel (`each="b"`: of each example)."""
        positions = "wxyz"[: len(inputs.shape) - 2]
        order = "b{0}{1}" if self._channels_last() else "b{1}{0}"
        sides = order.format(positions, "k"), order.format(positions, "u")
        return ops.einsum(f"{sides[0]},{each}ku->{sides[1]}", inputs, kernel)

    def _channels_last(self):
        return getattr(self.layer, "data_format", "channels_last") == "channels_last"

    def _windows(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)
        return inputs if isinstance(self.layer, layers.Dense) else _windows(self.layer, inputs)

    def _added(self, outputs, biases):
        """Add biases `(1 or batch, units)` to outputs."""
        ones = (1,) * (len(outputs.shape) - 2)
        units = biases.shape[-1]
        shape = (*ones, units) if self._channels_last() else (units, *ones)
        return outputs + ops.reshape(biases, (-1, *shape))

    def _activated(self, outputs):
        return outputs if self.layer.activation is None else self.layer.activation(outputs)

    def _masked_for_each_example(self, inputs):
        windows, (kernel, bias) = self._windows(inputs), self._linear()
        batch = ops.shape(inputs)[0]

        def dropped(values):
            # Masked values are scaled after the product: there are fewer of them.
            kept = random_mask((batch, *values.shape), self.rate, self.seed_generator)
            return ops.where(kept, values, ops.zeros((), values.dtype))

        outputs = self._product(windows, dropped(kernel), each="b")
        outputs = outputs if bias is None else self._added(outputs, dropped(bias))
        return self._activated(outputs / (1 - self.rate))

    def _normal(self, inputs, samples):
        """The mean activation over draws of the normal distribution of the dropped sum."""
        windows, (kernel, bias) = self._windows(inputs), self._linear()
        mean = self._product(windows, kernel)
        variance = self._product(ops.square(windows), ops.square(kernel))
        if bias is not None:
            mean = self._added(mean, bias[None])
            variance = self._added(variance, ops.square(bias)[None])
        # The gradient of the root is infinite at 0.
        deviation = ops.sqrt(ops.maximum(variance, keras.config.epsilon()))
        deviation = deviation * math.sqrt(self.rate / (1 - self.rate))
        outputs = []
        for _ in range(samples):
            noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
            outputs.append(self._activated(mean + deviation * noise))
        return sum(outputs[1:], outputs[0]) / samples

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "sampling": self.sampling,
            "seed": self.seed,
            "inference_samples": self.inference_samples,
        }


def _takes_masks_per_example(layer):
    plain = isinstance(layer, _PER_EXAMPLE) and getattr(layer, "groups", 1) == 1
    return plain and layer.activity_regularizer is None


def _windows(layer, inputs):
    """The patches of a convolution's input: for each position, its window along the channels."""
    padding = layer.padding
    if padding == "causal":  # Conv1D only
        widths = [(0, 0)] * 3
        axis = 1 if layer.data_format == "channels_last" else 2
        widths[axis] = (layer.dilation_rate[0] * (layer.kernel_size[0] - 1), 0)
        inputs, padding = ops.pad(inputs, widths), "valid"
    window = layer.kernel.shape[:-1]
    size = math.prod(window)
    identity = ops.reshape(ops.eye(size, dtype=inputs.dtype), (*window, size))
    return ops.conv(
        inputs, identity, layer.strides, padding, layer.data_format, layer.dilation_rate
    )
