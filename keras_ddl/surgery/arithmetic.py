"""The arithmetic of folding `scale * x + shift` into the weights of a layer.

Weights are float64 arrays in a dictionary by attribute name. The dictionary always has a "bias".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from keras import layers, ops

Weights = dict[str, np.ndarray]


def weights_of(layer) -> Weights:
    """The kernels and the bias of a layer. The bias is zeros if the layer has none."""
    kind = KINDS[type(layer)]
    weights = {name: as_array(getattr(layer, name)) for name in kind.kernels}
    if layer.use_bias:
        weights["bias"] = as_array(layer.bias)
    else:
        weights["bias"] = np.zeros(kind.width(layer, weights[kind.kernels[-1]]))
    return weights


def as_array(variable) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(variable.value), "float64")


def scale_and_shift(normalization) -> tuple[np.ndarray, np.ndarray]:
    """The constants of batch normalization at inference, y = scale * x + shift."""
    variance = as_array(normalization.moving_variance)
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * as_array(normalization.gamma)
    shift = -scale * as_array(normalization.moving_mean)
    if normalization.center:
        shift = shift + as_array(normalization.beta)
    return scale, shift


def fold_after(layer, weights: Weights, scale: np.ndarray, shift: np.ndarray) -> Weights:
    """New weights, with which a layer without activation returns scale * layer(x) + shift."""
    kind = KINDS[type(layer)]
    name = kind.kernels[-1]
    kernel = kind.scale_outputs(weights[name], scale)
    return {**weights, name: kernel, "bias": weights["bias"] * scale + shift}


def fold_before(layer, weights: Weights, scale: np.ndarray, shift: np.ndarray) -> Weights:
    """New weights, with which a layer without padding returns layer(scale * x + shift)."""
    kind = KINDS[type(layer)]
    assert kind.inputs is not None, "the plan never folds into this class from the front"
    name, *following = kind.kernels
    # The layer's output for the constant input `shift`. It is the same at every position.
    constant = kind.inputs.of_constant(layer, weights[name], shift)
    for further in following:
        constant = constant @ weights[further].reshape(-1, weights[further].shape[-1])
    kernel = kind.inputs.scale(layer, weights[name], scale)
    return {**weights, name: kernel, "bias": weights["bias"] + constant}


@dataclass(frozen=True)
class Inputs:
    """How a class of layers uses its input channels."""

    scale: Callable  # (layer, first kernel, scale of each channel) -> kernel
    of_constant: Callable  # (layer, first kernel, value of each channel) -> output channels


@dataclass(frozen=True)
class Kind:
    """How a class of layers uses its kernels: the first reads the input, the last the others.

    Most classes have only one kernel. Separable convolutions have two.
    """

    kernels: tuple[str, ...]
    width: Callable  # (layer, last kernel) -> number of output channels
    scale_outputs: Callable  # (last kernel, scale of each output channel) -> kernel
    inputs: Inputs | None = None  # None if outputs at the edges see fewer inputs than others


def _over_last(kernel, scale):
    return kernel * scale


def _over_transposed(kernel, scale):  # (..., filters, inputs)
    return kernel * scale[:, None]


def _over_depthwise(kernel, scale):  # (..., inputs, multiplier); outputs are in the same order
    return kernel * scale.reshape(kernel.shape[-2:])


def _by_filter(layer, kernel, values):
    """Values of the input channels, arranged like the last two axes of a grouped kernel."""
    per_group = values.reshape(getattr(layer, "groups", 1), kernel.shape[-2])
    return np.repeat(per_group, kernel.shape[-1] // len(per_group), axis=0).T


def _dense_inputs(layer, kernel, scale):
    return kernel * _by_filter(layer, kernel, scale)


def _dense_constant(layer, kernel, values):
    products = kernel * _by_filter(layer, kernel, values)
    return products.sum(axis=tuple(range(kernel.ndim - 1)))


def _depthwise_inputs(_, kernel, scale):
    return kernel * scale[:, None]


def _depthwise_constant(_, kernel, values):
    products = kernel * values[:, None]
    return products.sum(axis=tuple(range(kernel.ndim - 2))).reshape(-1)


_FULL = Kind(
    ("kernel",),
    lambda _, kernel: kernel.shape[-1],
    _over_last,
    Inputs(_dense_inputs, _dense_constant),
)
_TRANSPOSED = Kind(("kernel",), lambda _, kernel: kernel.shape[-2], _over_transposed)
_DEPTHWISE = Kind(
    ("kernel",),
    lambda _, kernel: kernel.shape[-2] * kernel.shape[-1],
    _over_depthwise,
    Inputs(_depthwise_inputs, _depthwise_constant),
)
_SEPARABLE = Kind(
    ("depthwise_kernel", "pointwise_kernel"),
    lambda _, kernel: kernel.shape[-1],
    _over_last,
    Inputs(_depthwise_inputs, _depthwise_constant),
)

# Only the exact classes of Keras core: a subclass may use its weights differently.
KINDS = {
    layers.Dense: _FULL,
    layers.Conv1D: _FULL,
    layers.Conv2D: _FULL,
    layers.Conv3D: _FULL,
    layers.Conv1DTranspose: _TRANSPOSED,
    layers.Conv2DTranspose: _TRANSPOSED,
    layers.Conv3DTranspose: _TRANSPOSED,
    layers.DepthwiseConv1D: _DEPTHWISE,
    layers.DepthwiseConv2D: _DEPTHWISE,
    layers.SeparableConv1D: _SEPARABLE,
    layers.SeparableConv2D: _SEPARABLE,
}
