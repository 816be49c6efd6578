"""Plain networks at initialization, and measurements of their signals and gradients."""

from collections.abc import Sequence
from typing import Any

import numpy as np

INITIALIZERS = ("normal .01", "normal 1", "Xavier", "He", "orthonormal", "LSUV")


def initializer(name: str):
    """Create an initializer from the name that tables print. LSUV starts as orthonormal."""
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
    """A network of `depth` hidden layers that returns logits; `name` names the initializer."""
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
    """Scale inputs to mean 0 and variance 1 over all examples and pixels together."""
    return ((x - x.mean()) / x.std()).astype("float32")


def outputs(model, x: np.ndarray, linear: bool = False) -> list[np.ndarray]:
    """The outputs of each layer that has a kernel, in the order of the calls, in float64.

    Args:
        model: a Keras model.
        x: the model's inputs.
        linear: whether to return the values before the activation function. Default False.
    """
    from keras import ops

    from keras_ddl.graph import watch

    arrays = []

    def record(call):
        if any(len(weight.shape) > 1 for weight in call.layer.weights):
            tensor = call.linear if linear else call.outputs
            arrays.append(ops.convert_to_numpy(tensor).astype("float64"))

    with watch(model, record):
        model(x, training=False)
    return arrays


def gradient_norms(model, x: np.ndarray, y: np.ndarray) -> list[float]:
    """The norm of the loss's gradient with respect to each kernel, in the order of the weights."""
    import keras
    from keras import ops

    class Norms(keras.optimizers.SGD):
        """Stores the norms of the gradients and updates nothing."""

        def apply(self, grads, trainable_variables=None):
            variables = trainable_variables or model.trainable_variables
            # float64, because the square of a vanishing gradient is 0 in float32.
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
