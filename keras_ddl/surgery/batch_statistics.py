"""Estimating the moving statistics of batch normalization from data, with the weights fixed."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl import examples
from keras_ddl._backend import compiled, no_gradients
from keras_ddl._checks import positive_integer
from keras_ddl._forward import random_states_kept, whole_batches

_WHOLE_BATCH = 2**31 - 1


def update_batch_norm(model, data, batch_size=128) -> int:
    """Replace the moving statistics of batch normalization by those of `data`.

    Moving statistics lag behind weights that change: weights that were averaged (`SWA`), read from
    elsewhere or assigned by hand have no valid ones at all. This function runs the model on `data`
    with fixed weights. Batch normalization layers normalize each batch by its own statistics, and
    all other layers run as at inference, without dropout. The means and variances of all batches
    are then combined into those of the whole data by the law of total variance.

    ```python
    model.set_weights(average)
    update_batch_norm(model, x_train)
    ```

    It covers all layers with `momentum` and `moving_variance`: core's `BatchNormalization`, and
    `GhostBatchNormalization` (whose ghost batches are not used here), `SwitchableNormalization` and
    `EvoNormB0` of this library. Layers that are not trainable keep their statistics. Nothing else
    of the model changes, and no random state.

    Args:
        model: a built model. For a `Population` pass each `population.member(i)`.
        data: inputs as arrays or tensors, or a `tf.data.Dataset`, `PyDataset`, data loader or
            generator of batches `x`, `(x, y)` or `(x, y, sample_weight)`.
        batch_size: the batch size for arrays. Default 128. Layers after the first batch
            normalization see inputs that depend on it, so use that of training.

    Returns:
        The number of layers whose statistics were replaced.

    Raises:
        ValueError: if the model is not built, or `data` has no example.

    Reference: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", arXiv:2105.07576, section 3
    ("PreciseBN").
    """
    positive_integer("batch_size", batch_size)
    if not model.built:
        raise ValueError(
            "`model` must be built: call it on a batch first. "
            f"Received: model={model.name!r}, which is not built"
        )
    layers = layers_with_statistics(model)
    if not layers:
        return 0
    totals: dict[int, _Total] = {id(layer): _Total() for layer in layers}
    calls: list = []  # the layers in the order of their calls, noted when the step is traced
    with _measuring(layers, calls) as measured:

        def step(trained, untrained, inputs):
            calls.clear()
            measured.clear()
            model.stateless_call(trained, untrained, inputs, training=False)
            return list(measured)

        run: Any = step if getattr(model, "run_eagerly", False) else compiled(step)
        trained, untrained = [
            [ops.copy(variable.value) for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        ]
        with random_states_kept(), no_gradients():
            for inputs in _whole(model, data, batch_size):
                found = run(
                    trained, untrained, keras.tree.map_structure(ops.convert_to_tensor, inputs)
                )
                count = len(keras.tree.flatten(inputs)[0])
                for layer, moments in zip(calls, found, strict=True):
                    totals[id(layer)].add(count, *map(ops.convert_to_numpy, moments))
    if not any(total.count for total in totals.values()):
        raise ValueError("`data` must hold at least one example. Received: none")
    for layer in layers:
        totals[id(layer)].assign(layer)
    return len(layers)


def layers_with_statistics(model) -> list[keras.layers.Layer]:
    """The trainable layers, nested ones too, that keep moving statistics of batches."""
    return [
        layer
        for layer in model._flatten_layers()  # `Model.layers` lists only direct children
        if layer.trainable and hasattr(layer, "momentum") and hasattr(layer, "moving_variance")
    ]


def _whole(model, data, batch_size) -> Iterator[Any]:
    """The batches of `data`, in the size that the model requires."""
    for batch in examples.batches(data, batch_size, name="data"):
        yield from whole_batches(model, batch)


@contextlib.contextmanager
def _measuring(layers, calls):
    """Run `layers` as in training, without memory of earlier batches, and note their statistics.

    A call writes the batch's moments into the moving statistics, because the momentum is 0. Each
    is read at once, so a shared layer contributes all its calls.
    """
    measured: list = []
    settings = {"momentum": 0.0, "virtual_batch_size": _WHOLE_BATCH}
    before = [
        (layer, {name: vars(layer)[name] for name in (*settings, "call") if name in vars(layer)})
        for layer in layers
    ]

    def measuring(layer, call):
        def run(*args, **kwargs):
            # NaN times a momentum of 0 would remain NaN.
            for variable in _statistics(layer):
                variable.assign(ops.zeros(variable.shape, variable.dtype))
            outputs = call(*args, **{**kwargs, "training": True})
            calls.append(layer)
            measured.append([one.value for one in _statistics(layer)])
            return outputs

        return run

    try:
        # `setattr` would make Keras track the functions, so the instances' dictionaries change.
        for layer, kept in before:
            vars(layer)["call"] = measuring(layer, layer.call)
            vars(layer).update({name: settings[name] for name in settings if name in kept})
        yield measured
    finally:
        for layer, kept in before:
            vars(layer).pop("call", None)
            vars(layer).update(kept)


def _statistics(layer):
    """The variables of the variance and, except in layers that use none, of the mean."""
    mean = getattr(layer, "moving_mean", None)
    return [layer.moving_variance] if mean is None else [layer.moving_variance, mean]


class _Total:
    """The variance and mean of all batches together, in float64."""

    def __init__(self):
        self.count, self._mean, self._variance = 0, 0.0, 0.0

    def add(self, count, variance, mean=0.0):
        """Add the moments of a batch of `count` examples."""
        variance, mean = np.asarray(variance, "float64"), np.asarray(mean, "float64")
        share = count / (self.count + count)
        apart = mean - self._mean
        self._variance = (1 - share) * self._variance + share * (
            variance + (1 - share) * np.square(apart)
        )
        self._mean = self._mean + share * apart
        self.count += count

    def assign(self, layer):
        """Write the moments into the layer, if it was called."""
        if self.count:
            for variable, value in zip(
                _statistics(layer), (self._variance, self._mean), strict=False
            ):
                variable.assign(np.asarray(value, "float32"))
