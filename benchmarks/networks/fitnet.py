"""FitNet-4: the thin, deep convolutional network of the LSUV paper."""

from collections.abc import Sequence

WIDTHS = ((32, 32, 32, 48, 48), (80,) * 6, (128,) * 6)
ACTIVATIONS = ("tanh", "relu", "very_leaky_relu", "maxout", "sigmoid")


def fitnet4(input_shape: Sequence[int], classes: int, *, activation: str, initializer=lambda: None):
    """A network of 17 convolutions, global maximum pooling, a layer of 500 units, and logits.

    The convolutions have 3x3 kernels and stand in three stages.

    Args:
        input_shape: `(height, width, channels)`.
        classes: the number of logits.
        activation: one of `ACTIVATIONS`. Maxout takes the larger of two pieces.
        initializer: `() -> kernel initializer`, called for each layer. If it returns None
            (default), the layer has Keras' default initializer.
    """
    import keras

    from keras_ddl import activations
    from keras_ddl.layers import MaxoutConv2D, MaxoutDense

    layers = keras.layers

    def kernel():
        chosen = initializer()
        return {} if chosen is None else {"kernel_initializer": chosen}

    def conv(width: int):
        if activation == "maxout":
            return MaxoutConv2D(width, 3, padding="same", **kernel())
        return layers.Conv2D(width, 3, padding="same", activation=function, **kernel())

    function = activations.very_leaky_relu if activation == "very_leaky_relu" else activation
    body: list = []
    for stage, widths in enumerate(WIDTHS):
        body += [layers.MaxPooling2D()] if stage else []
        body += [conv(width) for width in widths]
    body.append(layers.GlobalMaxPooling2D())
    maxout = activation == "maxout"
    body.append(
        MaxoutDense(500, **kernel())
        if maxout
        else layers.Dense(500, activation=function, **kernel())
    )
    return keras.Sequential([keras.Input(input_shape), *body, layers.Dense(classes, **kernel())])
