"""Layers that run with another kernel than the one they hold."""

from typing import Any

import keras
from keras import layers, ops

TRANSPOSES = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
PLAIN = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)


class KernelWrapper(layers.Wrapper):
    """Runs a layer with a kernel computed from its own, to which gradients flow.

    Subclasses define `effective_kernel()`. Arithmetic on kernels is in the dtype of the variables,
    float32 under mixed precision; the wrapped layer casts the result as it would its own kernel.
    If LoRA is enabled on the wrapped layer, its kernel is the adapted one. A quantized layer has
    no kernel to compute with and is refused.

    Args:
        layer: Dense, a convolution, a depthwise or a transposed convolution.
        **kwargs: passed to `keras.layers.Wrapper`.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, (*PLAIN, *DEPTHWISE, *TRANSPOSES)):
            raise ValueError(
                f"{type(self).__name__} wraps Dense, Conv1D/2D/3D, their transposes and "
                f"DepthwiseConv1D/2D. Received: layer={layer!r}"
            )
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)
        self.autocast = False
        self.supports_masking = layer.supports_masking

    @property
    def fan_in_axes(self) -> tuple[int, ...]:
        """The axes of the kernel that one output unit sums over."""
        rank = len(self.layer.kernel.shape)
        if isinstance(self.layer, DEPTHWISE):
            return tuple(range(rank - 2))
        if isinstance(self.layer, TRANSPOSES):
            return (*range(rank - 2), rank - 1)
        return tuple(range(rank - 1))

    def effective_kernel(self) -> Any:
        """The kernel that the wrapped layer runs with, a tensor."""
        raise NotImplementedError

    def remove(self) -> keras.layers.Layer:
        """Set the wrapped layer's kernel to the effective one, and return that layer.

        It computes the same without the wrapper, which is not to be used any more unless the
        subclass says so.
        """
        effective = self.effective_kernel()
        for variable, value in self._replacements(kernel=effective):
            variable.assign(value)
        return self.layer

    def call(self, inputs) -> Any:
        return self._call_layer(inputs, kernel=self.effective_kernel())

    def _kernel(self):
        """The wrapped layer's kernel as a tensor, LoRA included, in the dtype of its variable."""
        variable = self._kernel_variable()
        return ops.cast(ops.convert_to_tensor(self.layer.kernel), variable.dtype)

    def _kernel_variable(self):
        """The variable behind `layer.kernel`; LoRA adds a product to its value."""
        layer = self.layer
        found = [layer.kernel]
        if getattr(layer, "lora_enabled", False):
            found = [variable for variable in layer.variables if variable.name == "kernel"]
        plain = len(found) == 1 and isinstance(found[0], keras.Variable)
        if not plain or "int" in keras.backend.standardize_dtype(found[0].dtype):
            mode = getattr(layer, "quantization_mode", None)
            raise ValueError(
                f"{type(self).__name__} needs a kernel of real numbers that it can compute with, "
                "and a quantized layer has none. Call `remove()` on the wrapper before you "
                f"quantize. Received: layer={layer!r} with quantization_mode={mode!r}"
            )
        return found[0]

    def _replacements(self, **tensors):
        """Pairs of a variable and its value that give the layer that `kernel` and that `bias`."""
        layer, pairs = self.layer, []
        if "kernel" in tensors:
            pairs.append((self._kernel_variable(), tensors["kernel"]))
            if getattr(layer, "lora_enabled", False):  # the effective kernel contains the product
                product = layer.lora_kernel_b
                pairs.append((product, ops.zeros(product.shape, product.dtype)))
        if "bias" in tensors:
            pairs.append((layer.bias, tensors["bias"]))
        return pairs

    def _call_layer(self, inputs, **tensors):
        """The wrapped layer's output, run with other tensors as its `kernel` and `bias`.

        A stateless scope hides the scopes around it, so every variable is given its value.
        """
        layer = self.layer
        pairs = self._replacements(**tensors)
        kept = [one for one in layer.variables if all(one is not other for other, _ in pairs)]
        if len(kept) + len(pairs) != len(layer.variables):
            raise ValueError(
                f"{type(self).__name__} runs a layer whose kernel and bias are among its "
                f"variables. Received: layer={layer!r}"
            )
        pairs += [(variable, variable.value) for variable in kept]
        with keras.StatelessScope(state_mapping=pairs, collect_losses=True) as scope:
            before = [scope.get_current_value(variable) for variable in kept]
            outputs = layer(inputs)
        # The layer itself adds its losses once more, outside that scope: added by the wrapper,
        # Keras would count them for both.
        layer.add_loss(scope.losses)
        for variable, old in zip(kept, before, strict=True):
            if (new := scope.get_current_value(variable)) is not old:  # statistics of float8
                variable.assign(new)
        return outputs

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # `build` builds the wrapped layer; its shapes would tie the config to one input.
        config["layer"].pop("build_config", None)
        return config
