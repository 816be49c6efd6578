"""A model built anew from its calls, with other layers."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_ddl.graph.wiring import Wiring, make_inputs, tensors


def rebuild(wirings: list[Wiring], replace: Callable[[Any], Any]) -> keras.Model:
    """The model of the last wiring anew, with other layers.

    Args:
        wirings: as `trace` gives them.
        replace: called once with every layer and operation that is no traceable model; gives what
            is called in its place, or None to pass its first argument on.
    """
    new: dict[int, Any] = {}
    for wiring in wirings:
        for call in wiring.calls:
            if id(call.layer) not in new:
                new[id(call.layer)] = replace(call.layer)
        play = _play_sequential if isinstance(wiring.model, keras.Sequential) else _play_functional
        new[id(wiring.model)] = play(wiring, new)
    for wiring in reversed(wirings):  # the outermost first: it freezes what is inside
        if not wiring.model.trainable:
            new[id(wiring.model)].trainable = False
    return new[id(wirings[-1].model)]


def _play_sequential(wiring: Wiring, new: dict[int, Any]):
    layers = [new[id(call.layer)] for call in wiring.calls]
    kept = [layer for layer in layers if layer is not None]
    return keras.Sequential([wiring.entries.make(), *kept], name=wiring.model.name)


def _play_functional(wiring: Wiring, new: dict[int, Any]):
    inputs = make_inputs(wiring.entries)
    known: dict[int, Any] = {}

    def make_known(old, current):
        pairs = zip(tensors(old), tensors(current), strict=True)
        known.update((id(before), after) for before, after in pairs)

    def current(structure):
        return keras.tree.map_structure(lambda leaf: known.get(id(leaf), leaf), structure)

    make_known(wiring.inputs, inputs)
    for call in wiring.calls:
        args, kwargs = current(call.args), current(call.kwargs)
        layer = new[id(call.layer)]
        if layer is None:
            outputs = next(iter([*args, *kwargs.values()]))
        else:
            outputs = layer(*args, **_accepted(layer, kwargs))
        make_known(call.outputs, outputs)
    return keras.Model(inputs, current(wiring.outputs), name=wiring.model.name)


def _accepted(layer, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Without what Keras passes to those layers alone that take it."""
    takes = inspect.signature(layer.call).parameters
    optional = {"mask", "training"} - set(takes)
    return {key: value for key, value in kwargs.items() if key not in optional}


def copy_of(layer, **changes) -> Any:
    """A layer or operation of the same class and configuration, but for `changes`; not built.

    A layer whose configuration is not enough to make another one, such as a subclassed model
    without `get_config`, is returned itself.
    """
    try:
        config = {**layer.get_config(), **changes}
        if isinstance(layer, keras.layers.Lambda):
            # The function comes from this program, not from a file, so it is safe to run.
            return type(layer).from_config(config, safe_mode=False)
        return type(layer).from_config(config)
    except (TypeError, NotImplementedError):
        if changes:
            raise
        return layer


def copy_state(source, target) -> None:
    """Give a layer the values of another of the same structure: weights, and random state."""
    if source is target:
        return
    for old, new in zip(_variables(source), _variables(target), strict=True):
        # A copy: training on JAX deletes the arrays of a model, also where others refer to them.
        new.assign(keras.ops.copy(old.value))


def _variables(layer) -> list:
    return layer.variables if isinstance(layer, keras.layers.Layer) else []


def layers_inside(layer) -> Iterator[Any]:
    """All layers that are attributes of a layer, at any depth, each once."""
    seen = {id(layer)}
    waiting = [*vars(layer).values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | tuple | set):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, keras.layers.Layer) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(vars(value).values())
            yield value
