"""DropConnect: dropout of weights instead of units."""

import math
from typing import Any

import keras
from keras import layers, ops

from keras_ddl._checks import one_of, unit_interval
from keras_ddl.layers.normalization.kernel import KernelWrapper

_PER_EXAMPLE = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)


@keras.saving.register_keras_serializable(package="keras_ddl")
class DropConnect(KernelWrapper):
    """Wraps Dense or a convolution and sets a random part of its weights to zero in training.

    In training every weight and every bias is set to zero with probability `rate`, and the others
    are scaled by `1 / (1 - rate)`. At inference the layer runs with its unchanged weights, which
    are the mean of the dropped ones. (The paper instead samples the pre-activations from a normal
    distribution at inference.) Biases are dropped like weights, as in the paper.

    The paper samples a mask for each example. This needs memory for one copy of the layer's weights
    per example of the batch, and a convolution is computed from patches of its input. One mask for
    the whole batch needs memory for one copy only, but its gradients are noisier.

    Args:
        layer: Dense or a convolution; with `sampling="batch"` also a depthwise or a transposed
            convolution. Other wrappers must not share it.
        rate: float in [0, 1), the probability of dropping a weight. Default 0.5.
        sampling: "example" for a separate mask for each example, or "batch" for one mask that all
            examples of a step share. Default "example".
        seed: optional integer, the seed of the layer's random stream.
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
        ValueError: if `layer` is of another kind, `rate` is not in [0, 1), or `sampling` is neither
            of the two. With `sampling="example"` also if `layer` is a depthwise, transposed or
            grouped convolution, or has an activity regularizer.

    Reference: Wan et al., "Regularization of Neural Networks using DropConnect", ICML 2013
    (proceedings.mlr.press/v28/wan13).
    """

    def __init__(self, layer, rate=0.5, sampling="example", seed=None, **kwargs):
        super().__init__(layer, **kwargs)
        self.rate = unit_interval("rate", rate)
        if rate == 1:
            raise ValueError(f"`rate` must be below 1: 1 drops all weights. Received: rate={rate}")
        self.sampling = one_of("sampling", sampling, ("example", "batch"))
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        if sampling == "example" and not _takes_masks_per_example(layer):
            raise ValueError(
                '`sampling="example"` wraps Dense, Conv1D, Conv2D and Conv3D without groups and '
                'without an activity regularizer; use `sampling="batch"` for other layers. '
                f"Received: layer={layer!r}"
            )

    def call(self, inputs, training=False) -> Any:
        if not training or not self.rate:
            return self.layer(inputs)
        if self.sampling == "example":
            return self._call_per_example(inputs)
        tensors = {"kernel": self._drop(self._kernel())}
        if self.layer.bias is not None:
            tensors["bias"] = self._drop(ops.convert_to_tensor(self.layer.bias))
        return self._call_layer(inputs, **tensors)

    def effective_kernel(self) -> Any:
        """The kernel at inference, which is the wrapped layer's unchanged kernel."""
        return self._kernel()

    def _drop(self, values):
        return keras.random.dropout(values, self.rate, seed=self.seed_generator)

    def _call_per_example(self, inputs):
        layer = self.layer
        inputs = ops.cast(inputs, self.compute_dtype)
        kernel = ops.cast(self._kernel(), self.compute_dtype)
        patches, channels_last = inputs, True
        if not isinstance(layer, layers.Dense):
            patches = _windows(layer, inputs)
            channels_last = layer.data_format == "channels_last"
        kernel = ops.reshape(kernel, (-1, kernel.shape[-1]))
        batch = ops.shape(inputs)[0]
        kernels = self._drop(ops.broadcast_to(kernel, (batch, *kernel.shape)))
        positions = "wxyz"[: len(inputs.shape) - 2]
        order = "b{0}{1}" if channels_last else "b{1}{0}"
        sides = order.format(positions, "k"), order.format(positions, "u")
        outputs = ops.einsum(f"{sides[0]},bku->{sides[1]}", patches, kernels)
        if layer.bias is not None:
            bias = ops.cast(layer.bias, self.compute_dtype)
            biases = self._drop(ops.broadcast_to(bias, (batch, *bias.shape)))
            ones = (1,) * len(positions)
            shape = (*ones, *bias.shape) if channels_last else (*bias.shape, *ones)
            outputs += ops.reshape(biases, (-1, *shape))
        return outputs if layer.activation is None else layer.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "sampling": self.sampling,
            "seed": self.seed,
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
