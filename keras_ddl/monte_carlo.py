"""Monte-Carlo predictions: averages over forward passes with dropout."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl._backend import compiled, no_gradients
from keras_ddl._checks import positive_integer
from keras_ddl._random_layers import active, generators, random_layers


def mc_predict(
    model: keras.Model,
    x: Any,
    samples: int = 50,
    *,
    batch_size: int = 500,
    activation: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the spread of predictions with dropout (Monte-Carlo dropout).

    Layers that draw random numbers in training, such as dropout, noise and `DropConnect`, draw them
    here too. All other layers run as at inference: batch normalization uses its moving statistics.
    Only the states of random generators change, so a second call draws other numbers.

    ```python
    mean, spread = mc_predict(model, x, samples=50, activation="softmax")
    ```

    Args:
        model: a built model with one output.
        x: array of inputs `(examples, ...)`.
        samples: number of forward passes. Default 50.
        batch_size: examples in one forward pass. Default 500.
        activation: applied to the outputs before averaging, such as "softmax" for a model that
            gives logits. Default None.

    Returns:
        Two float64 arrays `(examples, ...)`: the mean, and the standard deviation over the samples
        (0 for one sample).

    Raises:
        ValueError: if `samples` or `batch_size` is not a positive integer, or no layer of the
            model draws random numbers.

    Reference: Gal and Ghahramani, "Dropout as a Bayesian Approximation", arXiv:1506.02142;
    Srivastava et al., "Dropout", JMLR 15 (2014), section 7.5.
    """
    mean, squares = np.zeros(()), np.zeros(())
    drawn = mc_samples(model, x, samples, batch_size=batch_size, activation=activation)
    for number, outputs in enumerate(drawn, start=1):
        apart = outputs - mean
        mean = mean + apart / number
        squares = squares + apart * (outputs - mean)
    return mean, np.sqrt(squares / samples)


def mc_samples(
    model: keras.Model,
    x: Any,
    samples: int,
    *,
    batch_size: int = 500,
    activation: Any = None,
) -> Iterator[np.ndarray]:
    """Yield the predictions of single forward passes with dropout; arguments as of `mc_predict`.

    The model must not be trained before the iteration ends.

    Yields:
        float64 arrays `(examples, ...)`, `samples` of them.
    """
    samples = positive_integer("samples", samples)
    batch_size = positive_integer("batch_size", batch_size)
    random = random_layers(model)
    if not random:
        raise ValueError(
            "A Monte-Carlo prediction needs a layer that draws random numbers in training, such "
            f"as Dropout. Received: model={model.name!r} without such a layer"
        )
    activation = keras.activations.get(activation)
    x = np.asarray(x)
    batches = [x[start : start + batch_size] for start in range(0, len(x), batch_size)]
    return _samples(model, batches, samples, activation, random)


def _samples(model, batches, samples, activation, random):
    def step(trainable, others, batch):
        outputs, others = model.stateless_call(trainable, others, batch, training=False)
        return activation(outputs), others

    run = compiled(step)
    trainable = [variable.value for variable in model.trainable_variables]
    others = [variable.value for variable in model.non_trainable_variables]
    for _ in range(samples):
        parts = []
        with active(random), no_gradients():
            for batch in batches:
                outputs, others = run(trainable, others, ops.convert_to_tensor(batch))
                parts.append(np.asarray(ops.convert_to_numpy(outputs), "float64"))
        seeds = {id(generator.state) for layer in random for generator in generators(layer)}
        for variable, value in zip(model.non_trainable_variables, others, strict=True):
            if id(variable) in seeds:
                variable.assign(ops.copy(value))
        yield np.concatenate(parts)
