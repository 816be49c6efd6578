"""Weight normalization."""

from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from keras_ddl._forward import Snapshot, stateless, whole_batch
from keras_ddl.layers._precision import full_precision, maximum
from keras_ddl.layers.normalization.kernel import KernelWrapper

# While `initialize` runs, the ids of the layers that are already initialized; None otherwise.
_initialized: ContextVar[set | None] = ContextVar("initialized", default=None)


@keras.saving.register_keras_serializable(package="keras_ddl")
class WeightNormalization(KernelWrapper):
    """Wraps Dense or a convolution and separates the length of its weights from their direction.

    The incoming weights of an output unit are `g * v / |v|`. The trainable scalar `g` is their
    length. The vector `v`, which is the wrapped layer's kernel, determines only their direction.
    This speeds up gradient descent, much as batch normalization does, but does not depend on the
    batch. `g` starts as `|v|`, so wrapping a layer does not change its output.

    The paper recommends data-dependent initialization. It sets `g` and the bias such that, on a
    batch of your choice, every unit has mean 0 and variance 1 before the activation:

    ```python
    WeightNormalization.initialize(model, x_train[:256])
    model.fit(x_train, y_train)
    ```

    Args:
        layer: Dense, a convolution, a depthwise or a transposed convolution. Other wrappers must
            not share it.
        data_init: must be False. The argument exists for compatibility with TensorFlow Addons,
            where its default True initializes the layer on the first batch; call `initialize`
            instead.
        **kwargs: passed to `keras.layers.Wrapper`.

    Call arguments:
        inputs: the inputs of the wrapped layer.

    Output shape: same as that of the wrapped layer.

    Example:

    >>> layer = WeightNormalization(keras.layers.Dense(64, activation="relu"))
    >>> layer(keras.ops.ones((8, 32))).shape
    (8, 64)
    >>> plain = layer.remove()  # a Dense layer that computes the same

    Raises:
        ValueError: if `layer` is of another kind or `data_init` is not False.

    Reference: Salimans and Kingma, "Weight Normalization", 2016, arXiv 1602.07868.
    """

    def __init__(self, layer, data_init=False, **kwargs):
        if data_init is not False:
            raise ValueError(
                "`data_init` must be False. For data-dependent initialization call "
                "`WeightNormalization.initialize(model, inputs)` before training. "
                f"Received: data_init={data_init!r}"
            )
        if isinstance(layer, keras.layers.RNN):
            raise ValueError(
                "WeightNormalization wraps Dense, convolutions and their transposes; for recurrent "
                f"layers use RecurrentWeightNormalization. Received: layer={layer!r}"
            )
        super().__init__(layer, **kwargs)

    def build(self, input_shape=None) -> None:
        super().build(input_shape)
        axes = self.fan_in_axes
        kernel_shape = self.layer.kernel.shape
        shape = [1 if axis in axes else size for axis, size in enumerate(kernel_shape)]
        # The initializer is a function, so that it runs only when the kernel has a value. If the
        # model is built inside a compiled function, that is later.
        self.g = self.add_weight(
            shape=shape,
            initializer=lambda shape, dtype=None: self._length(self._kernel()),
            name="g",
            autocast=False,
        )

    def effective_kernel(self) -> Any:
        kernel = self._kernel()
        return kernel * (self.g / self._length(kernel))

    def _length(self, kernel):
        return length(kernel, self.fan_in_axes)

    def call(self, inputs) -> Any:
        done = _initialized.get()
        if done is not None and id(self) not in done:
            done.add(id(self))
            self._initialize(inputs)
        return super().call(inputs)

    @staticmethod
    def initialize(model, inputs) -> None:
        """Set `g` and biases so that units have mean 0 and variance 1 on `inputs`.

        One forward pass initializes all WeightNormalization layers in execution order, so each one
        receives the outputs of layers that are already initialized. A shared layer is initialized
        at its first call. Nothing else changes, including random states. Call this method before
        training, outside compiled functions.

        Args:
            model: a model or layer.
            inputs: a batch of inputs for `model`, of a few hundred examples or more.
        """
        if not model.built:
            kept = Snapshot(model)
            model(inputs, training=False)
            kept.restore()
        inner = model._flatten_layers()  # `Model.layers` is public, but lists only direct children
        wrappers = [layer for layer in inner if isinstance(layer, WeightNormalization)]
        biases = [wrapper.layer.bias for wrapper in wrappers if wrapper.layer.bias is not None]
        token = _initialized.set(set())
        try:
            with stateless(model, keep=[*(wrapper.g for wrapper in wrappers), *biases]):
                model(whole_batch(model, inputs), training=False)
        finally:
            _initialized.reset(token)

    def _initialize(self, inputs):
        layer = self.layer
        kernel = self._kernel()
        replaced = {"kernel": kernel / self._length(kernel)}
        if layer.bias is not None:
            replaced["bias"] = ops.zeros(layer.bias.shape, layer.bias.dtype)
        activation, layer.activation = layer.activation, keras.activations.linear
        try:
            outputs = full_precision(self._call_layer(inputs, **replaced))
        finally:
            layer.activation = activation
        first = getattr(layer, "data_format", None) == "channels_first"
        channels_last = ops.moveaxis(outputs, 1, -1) if first else outputs
        units = ops.reshape(channels_last, (-1, channels_last.shape[-1]))
        mean = ops.mean(units, axis=0)
        inverse = ops.rsqrt(ops.mean(ops.square(units - mean), axis=0) + keras.config.epsilon())
        self.g.assign(ops.reshape(inverse, self.g.shape))
        if layer.bias is not None:
            layer.bias.assign(-mean * inverse)

    def remove(self) -> keras.layers.Layer:
        """Assign the effective kernel to the wrapped layer, and return this layer.

        The returned layer computes the same as the wrapper. The wrapper still works and may stay in
        a model. The following code removes all wrappers of a model:

        ```python
        plain = keras.models.clone_model(
            model,
            clone_function=lambda layer: (
                layer.remove() if isinstance(layer, WeightNormalization) else layer
            ),
        )
        ```
        """
        layer = super().remove()
        self.g.assign(ops.abs(self.g))
        return layer


def length(kernel, axes) -> Any:
    """The norm of each unit's weights, at least epsilon to avoid a division by 0."""
    squares = ops.sum(ops.square(kernel), axis=axes, keepdims=True)
    return ops.sqrt(maximum(squares, keras.config.epsilon() ** 2))
