"""Layers that run with another kernel than the one they hold."""

import keras
from keras import layers

TRANSPOSES = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
PLAIN = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)


class KernelWrapper(layers.Wrapper):
    """Runs a layer with a kernel computed from its own, to which gradients flow.

    Subclasses define `effective_kernel()`. Arithmetic on kernels is in the dtype of the variables,
    float32 under mixed precision; the wrapped layer casts the result as it would its own kernel.

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
    def fan_in_axes(self):
        """The axes of the kernel that one output unit sums over."""
        rank = len(self.layer.kernel.shape)
        if isinstance(self.layer, DEPTHWISE):
            return tuple(range(rank - 2))
        if isinstance(self.layer, TRANSPOSES):
            return (*range(rank - 2), rank - 1)
        return tuple(range(rank - 1))

    def effective_kernel(self):
        """The kernel that the wrapped layer runs with."""
        raise NotImplementedError

    def call(self, inputs):
        return self._call_layer(inputs, {id(self.layer.kernel): self.effective_kernel()})

    def _call_layer(self, inputs, replaced):
        """The wrapped layer's output, with other values for the variables of those ids.

        A stateless scope hides the scopes around it, so every variable is given its value.
        """
        variables = self.layer.variables
        values = [replaced.get(id(variable), variable.value) for variable in variables]
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
            outputs = self.layer(inputs)
        self.add_loss(scope.losses)  # of an activity regularizer
        return outputs

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        config = super().get_config()
        # `build` builds the wrapped layer; its shapes would tie the config to one input.
        config["layer"].pop("build_config", None)
        return config
