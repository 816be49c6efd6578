"""Plain networks at initialization, and what signals and gradients do in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

INITIALIZERS = ("normal .01", "normal 1", "Xavier", "He", "orthonormal", "LSUV")


def initializer(name: str):
    """An initializer by the name that tables print; LSUV starts from orthonormal kernels."""
    import keras

    from keras_ddl import initializers

    makers = {
        "normal .01": lambda: keras.initializers.RandomNormal(stddev=0.01),
        "normal 1": lambda: keras.initializers.RandomNormal(stddev=1.0),
        "Xavier": initializers.XavierNormal,
        "He": initializers.KaimingNormal,
        "orthonormal": initializers.Orthonormal,
        "orthonormal-MSRA": initializers.OrthonormalMSRA,
        "LSUV": initializers.Orthonormal,
    }
    return makers[name]()


def mlp(input_shape: Sequence[int], classes: int, *, depth, width, activation, name: str):
    """A network of `depth` hidden layers that gives logits; `name` is the initializer's."""
    import keras

    kernels = {"kernel_initializer": initializer(name)}
    hidden = [keras.layers.Dense(width, activation, **kernels) for _ in range(depth)]
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            *hidden,
            keras.layers.Dense(classes, **kernels),
        ]
    )


def standardized(x: np.ndarray) -> np.ndarray:
    """Inputs of mean 0 and variance 1 over all examples and pixels."""
    return ((x - x.mean()) / x.std()).astype("float32")


def outputs(model, x: np.ndarray, linear: bool = False) -> list[np.ndarray]:
    """What leaves each layer with a kernel, as it runs, in float64.

    Args:
        model: a Keras model.
        x: its inputs.
        linear: whether the linear parts are wanted, before the activation function.
    """
    from keras import ops

    from keras_ddl.graph import watch

    found = []

    def keep(call):
        if any(len(weight.shape) > 1 for weight in call.layer.weights):
            tensor = call.linear if linear else call.outputs
            found.append(ops.convert_to_numpy(tensor).astype("float64"))

    with watch(model, keep):
        model(x, training=False)
    return found


def gradient_norms(model, x: np.ndarray, y: np.ndarray) -> list[float]:
    """The norm of the loss's gradient with respect to each kernel, in the order of creation."""
    import keras
    from keras import ops

    class Norms(keras.optimizers.SGD):
        """Keeps the gradients' norms and updates nothing."""

        def apply(self, grads, trainable_variables=None):
            variables = trainable_variables or model.trainable_variables
            # In float64: the square of a vanishing gradient is 0 in float32.
            kernels = [
                ops.convert_to_numpy(gradient).astype("float64")
                for gradient, variable in zip(grads, variables, strict=True)
                if len(variable.shape) > 1
            ]
            self.norms = [float(np.linalg.norm(kernel)) for kernel in kernels]

    optimizer: Any = Norms()
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    model.train_on_batch(x, y)
    return optimizer.norms
