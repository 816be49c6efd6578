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
    """One call of a leaf layer, and the activation function that is applied to its output next.

    A maxout layer appears as the linear layer inside it, followed by a `Maxout`.

    Args:
        layer: the layer.
        index: how often the layer was called before in this pass.
        activation: the function: the layer's own `activation=`, or an activation layer that its
            output reaches, or the layer itself if it is one. None if a merge, another layer with
            a kernel or the end of the model comes first.
        through: the layers between its output and the activation, the activation layer last. Empty
            if there is no activation, or if it is the layer's `activation=`. Those before the last
            have one input, one output and no kernel: normalization, dropout, pooling, reshaping.
    """

    layer: keras.layers.Layer
    index: int
    activation: Callable | None
    through: tuple[keras.layers.Layer, ...]


def trace(model, x=None, hook=None) -> list[Step]:
    """Every call of a leaf layer in one forward pass at inference, in execution order.

    The pass changes no state of the model and no random state.

    Args:
        model: a `keras.Model`: functional, sequential, subclassed or nested.
        x: inputs of a few examples, as the model takes them, of the batch size that it demands.
            Default: one example of zeros, which needs a model with a known input shape. An unbuilt
            model is built.
        hook: optional `(Call) -> None`, called at every call.

    Returns:
        List of `Step`.

    Raises:
        ValueError: if `x` is not given and the model's input shapes are not known.

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
    calls: list[Call] = []  # they keep all tensors alive, so no id is used twice
    with contextlib.ExitStack() as watches:
        for each in (calls.append, hook):
            if each is not None:
                watches.enter_context(watch(model, each))
        watches.enter_context(stateless(model))
        model(x, training=False)
    takers: dict[int, list[int]] = {}
    for position, call in enumerate(calls):
        for tensor in keras.tree.flatten((call.args, call.kwargs)):
            takers.setdefault(id(tensor), []).append(position)
    inside = _maxouts(model)
    return [
        Step(
            call.layer,
            call.index,
            *(inside.get(id(call.layer)) or _activation(calls, position, takers)),
        )
        for position, call in enumerate(calls)
    ]


def _maxouts(model):
    """The linear layers inside maxout layers, by identity, and the maximum that follows them."""
    found = {}
    for layer in model._flatten_layers():
        if isinstance(layer, MaxoutDense | MaxoutConv2D):
            channels_first = getattr(layer.linear, "data_format", "") == "channels_first"
            units = layer.units if isinstance(layer, MaxoutDense) else layer.filters
            maximum = Maxout(units, axis=1 if channels_first else -1)
            found[id(layer.linear)] = maximum, (maximum,)
    return found


def _activation(calls, position, takers):
    """The activation function that a call's output meets, and the layers passed on the way."""
    if own := own_activation(calls[position].layer):
        return own, ()
    through = []
    while True:
        outputs = keras.tree.flatten(calls[position].outputs)
        # Later takers only: an identity, such as dropout at inference, returns what it took.
        later = [taker for taker in takers.get(id(outputs[0]), ()) if taker > position]
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
    """Whether a layer takes one tensor and has no kernel, so that no new linear part begins."""
    tensors = [x for x in keras.tree.flatten((call.args, call.kwargs)) if hasattr(x, "shape")]
    return len(tensors) == 1 and all(len(weight.shape) < 2 for weight in call.layer.weights)


def one_of_zeros(model) -> Any:
    """One example of zeros, in the structure of the inputs of a model whose shapes are known.

    A model that demands a batch size gets as many.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs or any(None in tensor.shape[1:] for tensor in inputs):
        raise ValueError(
            "`x` is needed, a few examples, for the model's input shapes are not all known. "
            f"Received: x=None, model={model.name!r}"
        )
    count = batch_size(model) or 1
    zeros = [keras.ops.zeros((count, *tensor.shape[1:]), dtype=tensor.dtype) for tensor in inputs]
    return zeros if len(zeros) > 1 else zeros[0]
