"""The base class of wrappers that run a layer with a modified kernel."""

from typing import Any

import keras
from keras import layers, ops

TRANSPOSES = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
PLAIN = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)


class KernelWrapper(layers.Wrapper):
    """Runs a layer with an effective kernel, which is computed from the layer's kernel.

    Gradients flow through this computation to the layer's kernel. Subclasses define
    `effective_kernel()`. The computation uses the dtype of the variables, which is float32 under
    mixed precision, and the wrapped layer then casts the effective kernel to its compute dtype. If
    LoRA is enabled on the wrapped layer, the computation starts from the adapted kernel. A
    quantized layer is rejected, because its kernel consists of integers.

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
        """The axes of the kernel over which one output unit sums."""
        rank = len(self.layer.kernel.shape)
        if isinstance(self.layer, DEPTHWISE):
            return tuple(range(rank - 2))
        if isinstance(self.layer, TRANSPOSES):
            return (*range(rank - 2), rank - 1)
        return tuple(range(rank - 1))

    def effective_kernel(self) -> Any:
        """The kernel with which the wrapped layer runs, as a tensor."""
        raise NotImplementedError

    def remove(self) -> keras.layers.Layer:
        """Assign the effective kernel to the wrapped layer, and return this layer.

        The returned layer computes the same as the wrapper did. Do not use the wrapper afterwards,
        unless the subclass allows it.
        """
        effective = self.effective_kernel()
        for variable, value in self._replacements(kernel=effective):
            variable.assign(value)
        return self.layer

    def call(self, inputs) -> Any:
        return self._call_layer(inputs, kernel=self.effective_kernel())

    def _kernel(self):
        """The wrapped layer's kernel as a tensor in the dtype of its variable, including LoRA."""
        variable = self._kernel_variable()
        return ops.cast(ops.convert_to_tensor(self.layer.kernel), variable.dtype)

    def _kernel_variable(self):
        """The variable that stores the kernel. With LoRA, `layer.kernel` is not this variable."""
        layer = self.layer
        candidates = [layer.kernel]
        if getattr(layer, "lora_enabled", False):
            candidates = [variable for variable in layer.variables if variable.name == "kernel"]
        plain = len(candidates) == 1 and isinstance(candidates[0], keras.Variable)
        if not plain or "int" in keras.backend.standardize_dtype(candidates[0].dtype):
            mode = getattr(layer, "quantization_mode", None)
            raise ValueError(
                f"{type(self).__name__} needs a kernel of real numbers, and a quantized layer has "
                "none. Call `remove()` on the wrapper before you quantize the layer. "
                f"Received: layer={layer!r} with quantization_mode={mode!r}"
            )
        return candidates[0]

    def _replacements(self, **tensors):
        """Pairs (variable, value) that set the layer's `kernel` and `bias` to these tensors."""
        layer, pairs = self.layer, []
        if "kernel" in tensors:
            pairs.append((self._kernel_variable(), tensors["kernel"]))
            if getattr(layer, "lora_enabled", False):  # the kernel already contains LoRA's product
                product = layer.lora_kernel_b
                pairs.append((product, ops.zeros(product.shape, product.dtype)))
        if "bias" in tensors:
            pairs.append((layer.bias, tensors["bias"]))
        return pairs

    def _call_layer(self, inputs, **tensors):
        """The wrapped layer's output with other tensors as its `kernel` and `bias`."""
        return call_with(self.layer, self._replacements(**tensors), inputs)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # The wrapper's `build` builds the wrapped layer. Without this line the config would be
        # bound to one input shape.
        config["layer"].pop("build_config", None)
        return config


def call_with(layer, pairs, *args, states=(), **kwargs) -> Any:
    """The output of a layer in which some variables have other values.

    A stateless scope hides the values of outer scopes, so the new scope receives a value for every
    variable.

    Args:
        layer: the layer.
        pairs: list of pairs (variable, tensor).
        *args: arguments of the call.
        states: further variables that the call may assign, which `layer.variables` lacks.
        **kwargs: keyword arguments of the call.
    """
    pairs = list(pairs)
    kept = [one for one in layer.variables if all(one is not other for other, _ in pairs)]
    if len(kept) + len(pairs) != len(layer.variables):
        raise ValueError(
            "A wrapper needs a layer whose `variables` contain its kernel and bias. "
            f"Received: layer={layer!r}"
        )
    kept += states
    pairs += [(variable, variable.value) for variable in kept]
    with keras.StatelessScope(state_mapping=pairs, collect_losses=True) as scope:
        before = [scope.get_current_value(variable) for variable in kept]
        outputs = layer(*args, **kwargs)
    # The layer adds the losses of the call again, outside the scope. If the wrapper added them,
    # Keras would count them twice.
    layer.add_loss(scope.losses)
    for variable, old in zip(kept, before, strict=True):
        # A float8 layer updates statistics during the call, and a recurrent one its states.
        if (new := scope.get_current_value(variable)) is not old:
            variable.assign(new)
    return outputs
