"""Weight normalization of recurrent layers."""

from typing import Any

import keras
from keras import ops

from keras_ddl.layers.normalization.kernel import call_with
from keras_ddl.layers.normalization.weight_normalization import length

KERNELS = ("kernel", "recurrent_kernel")


@keras.saving.register_keras_serializable(package="keras_ddl")
class RecurrentWeightNormalization(keras.layers.Wrapper):
    """Wraps a recurrent layer and separates the length of its weights from their direction.

    The weights that a unit, or one of its gates, receives from the inputs are `g * v / |v|`, and
    those from the state likewise with another `g`. The vectors `v` are the columns of the cell's
    `kernel` and `recurrent_kernel`. `WeightNormalization` does this for other layers. Both `g`
    start as `|v|`, so wrapping a layer does not change its output.

    Args:
        layer: `keras.layers.SimpleRNN`, `GRU` or `LSTM`, or an `RNN` of one cell that has `kernel`
            and `recurrent_kernel`. Other wrappers must not share it.
        **kwargs: passed to `keras.layers.Wrapper`.

    Call arguments:
        sequences, initial_state, mask, training: those of the wrapped layer.

    Output shape: same as that of the wrapped layer.

    Example:

    >>> layer = RecurrentWeightNormalization(keras.layers.LSTM(64))
    >>> layer(keras.ops.ones((8, 10, 32))).shape
    (8, 64)

    Raises:
        ValueError: if `layer` is of another kind.

    Reference: Salimans and Kingma, "Weight Normalization", 2016, arXiv 1602.07868.
    """

    def __init__(self, layer, **kwargs):
        cell = getattr(layer, "cell", None)
        if not isinstance(layer, keras.layers.RNN) or isinstance(
            cell, keras.layers.StackedRNNCells
        ):
            raise ValueError(
                "RecurrentWeightNormalization wraps SimpleRNN, GRU, LSTM, or an RNN of one cell. "
                f"Received: layer={layer!r}"
            )
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)
        self.autocast = False
        self.supports_masking = True

    def build(self, input_shape=None) -> None:
        super().build(input_shape)
        if not all(
            isinstance(getattr(self.layer.cell, name, None), keras.Variable) for name in KERNELS
        ):
            raise ValueError(
                "The cell must have `kernel` and `recurrent_kernel`. "
                f"Received: a cell {self.layer.cell!r}"
            )
        self._lengths = {}
        for name in KERNELS:
            variable = getattr(self.layer.cell, name)
            # The initializer is a function, so that it runs only when the kernel has a value.
            self._lengths[name] = self.add_weight(
                shape=(1, variable.shape[1]),
                initializer=lambda shape, dtype=None, v=variable: length(ops.copy(v.value), 0),
                name="g" if name == "kernel" else "recurrent_g",
                autocast=False,
            )

    def effective_kernels(self) -> dict[str, Any]:
        """The kernels with which the layer runs, under the names of the cell's weights."""
        kernels = {
            name: ops.convert_to_tensor(getattr(self.layer.cell, name).value) for name in KERNELS
        }
        return {
            name: kernel * (self._lengths[name] / length(kernel, 0))
            for name, kernel in kernels.items()
        }

    def call(self, sequences, initial_state=None, mask=None, training=False) -> Any:
        layer = self.layer
        pairs = [(getattr(layer.cell, name), one) for name, one in self.effective_kernels().items()]
        states = keras.tree.flatten(layer.states) if layer.stateful else []
        return call_with(
            layer,
            pairs,
            sequences,
            states=states,
            initial_state=initial_state,
            mask=mask,
            training=training,
        )

    def remove(self) -> keras.layers.Layer:
        """Assign the effective kernels to the wrapped layer, and return this layer.

        The returned layer computes the same as the wrapper did. Do not use the wrapper afterwards.
        """
        for name, kernel in self.effective_kernels().items():
            getattr(self.layer.cell, name).assign(kernel)
        return self.layer

    def compute_output_shape(self, input_shape) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def compute_mask(self, inputs, previous_mask) -> Any:
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["layer"].pop("build_config", None)
        return config
