"""The calls of one forward pass, and the activation function that follows each."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from keras_ddl._forward import Snapshot, batch_size, stateless
from keras_ddl.graph.leaves import own_activation
from keras_ddl.graph.shadow import Call
from keras_ddl.graph.watching import watch
from keras_ddl.layers.maxout import Maxout, MaxoutConv2D, MaxoutDense


@dataclass(frozen=True)
class Step:
    """One call of a leaf layer, and the first activation function applied to its output.

    A maxout layer appears as the linear layer inside it, followed by a `Maxout`.

    Args:
        layer: the layer.
        index: the number of earlier calls of this layer in the same pass.
        activation: the layer's `activation=` function, or the activation layer that its output
            reaches, or the layer itself if it is an activation layer. None if a merging layer,
            another layer with a kernel or the end of the model comes first.
        through: the layers from the layer's output to the activation layer, which is the last one.
            Empty if there is no activation or if it is the layer's `activation=`. The layers before
            the last have one input, one output and no kernel: normalization, dropout, pooling or
            reshaping.
    """

    layer: keras.layers.Layer
    index: int
    activation: Callable | None
    through: tuple[keras.layers.Layer, ...]


def trace(model, x=None, hook=None) -> list[Step]:
    """Every call of a leaf layer in one forward pass at inference, in execution order.

    The pass changes neither the model's state nor any random state.

    Args:
        model: a `keras.Model`: functional, sequential, subclassed or nested. An unbuilt model is
            built.
        x: inputs of a few examples, in the structure and batch size that the model requires.
            Default: one example of zeros, which requires a model with a known input shape.
        hook: optional function `(Call) -> None`, called at every call of a leaf layer.

    Returns:
        List of `Step`.

    Raises:
        ValueError: if `x` is None and the model's input shapes are not known.

    Example:

    ```python
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.ReLU()])
    dense, relu = trace(model)
    dense.activation is relu.layer  # True
    ```
    """
    x = one_of_zeros(model) if x is None else x
    if not model.built:
        kept = Snapshot(model)
        model(x, training=False)
        kept.restore()
    calls: list[Call] = []  # keeps all tensors alive, so that each `id` stays unique
    with contextlib.ExitStack() as watches:
        for each in (calls.append, hook):
            if each is not None:
                watches.enter_context(watch(model, each))
        watches.enter_context(stateless(model))
        model(x, training=False)
    consumers: dict[int, list[int]] = {}  # the positions of the calls that use a tensor, by its id
    for position, call in enumerate(calls):
        for tensor in keras.tree.flatten((call.args, call.kwargs)):
            consumers.setdefault(id(tensor), []).append(position)
    inside = _maxouts(model)
    return [
        Step(
            call.layer,
            call.index,
            *(inside.get(id(call.layer)) or _activation(calls, position, consumers)),
        )
        for position, call in enumerate(calls)
    ]


def _maxouts(model):
    """For the `id` of each linear layer inside a maxout layer, its `activation` and `through`."""
    maxouts = {}
    for layer in model._flatten_layers():
        if isinstance(layer, MaxoutDense | MaxoutConv2D):
            channels_first = getattr(layer.linear, "data_format", "") == "channels_first"
            units = layer.units if isinstance(layer, MaxoutDense) else layer.filters
            maximum = Maxout(units, axis=1 if channels_first else -1)
            maxouts[id(layer.linear)] = maximum, (maximum,)
    return maxouts


def _activation(calls, position, consumers):
    """The fields `activation` and `through` of the `Step` for the call at `position`."""
    if activation := own_activation(calls[position].layer):
        return activation, ()
    through = []
    while True:
        outputs = keras.tree.flatten(calls[position].outputs)
        # Only later consumers count: a layer that is the identity, such as dropout at inference,
        # returns its input tensor, and so would be its own consumer.
        later = [consumer for consumer in consumers.get(id(outputs[0]), ()) if consumer > position]
        if len(outputs) != 1 or not later:
            return None, ()
        position = later[0]
        layer = calls[position].layer
        through.append(layer)
        activation = own_activation(layer)
        if activation is layer:
            return activation, tuple(through)
        if activation or not _passes(calls[position]):
            return None, ()


def _passes(call):
    """Whether the layer takes one tensor and has no kernel, so that the search may continue."""
    tensors = [x for x in keras.tree.flatten((call.args, call.kwargs)) if hasattr(x, "shape")]
    return len(tensors) == 1 and all(len(weight.shape) < 2 for weight in call.layer.weights)


def one_of_zeros(model) -> Any:
    """One example of zeros in the structure of the model's inputs.

    If the model requires a batch size, the result has that many examples.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs or any(None in tensor.shape[1:] for tensor in inputs):
        raise ValueError(
            "`x` is needed because the model's input shapes are not all known: pass a few "
            "examples. "
            f"Received: x=None, model={model.name!r}"
        )
    count = batch_size(model) or 1
    zeros = [keras.ops.zeros((count, *tensor.shape[1:]), dtype=tensor.dtype) for tensor in inputs]
    return zeros if len(zeros) > 1 else zeros[0]
