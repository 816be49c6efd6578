"""Rebuilding a model from its symbolic calls, with replaced layers."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_ddl.graph.wiring import Wiring, make_inputs, tensors


def rebuild(wirings: list[Wiring], replace: Callable[[Any], Any]) -> keras.Model:
    """A new version of the last wiring's model, with replaced layers.

    Args:
        wirings: the wirings of the nested models and, last, of the whole model, as returned by
            `keras_ddl.graph.wiring.wirings`.
        replace: a function called once with every layer and operation that is not a traceable
            model. It returns the layer to call instead, or None to remove the layer, which passes
            its first argument on.
    """
    new: dict[int, Any] = {}
    for wiring in wirings:
        for call in wiring.calls:
            if id(call.layer) not in new:
                new[id(call.layer)] = replace(call.layer)
        rebuild_model = (
            _rebuild_sequential
            if isinstance(wiring.model, keras.Sequential)
            else _rebuild_functional
        )
        new[id(wiring.model)] = rebuild_model(wiring, new)
    for wiring in reversed(wirings):  # outermost first: freezing a model freezes all inside it
        if not wiring.model.trainable:
            new[id(wiring.model)].trainable = False
    return new[id(wirings[-1].model)]


def _rebuild_sequential(wiring: Wiring, new: dict[int, Any]):
    layers = [new[id(call.layer)] for call in wiring.calls]
    kept = [layer for layer in layers if layer is not None]
    return keras.Sequential([wiring.entries.make(), *kept], name=wiring.model.name)


def _rebuild_functional(wiring: Wiring, new: dict[int, Any]):
    inputs = make_inputs(wiring.entries)
    replacements: dict[int, Any] = {}  # new symbolic tensors by the id of the old ones

    def record(old, current):
        pairs = zip(tensors(old), tensors(current), strict=True)
        replacements.update((id(before), after) for before, after in pairs)

    def current(structure):
        return keras.tree.map_structure(lambda leaf: replacements.get(id(leaf), leaf), structure)

    record(wiring.inputs, inputs)
    for call in wiring.calls:
        args, kwargs = current(call.args), current(call.kwargs)
        layer = new[id(call.layer)]
        if layer is None:
            outputs = next(iter([*args, *kwargs.values()]))
        else:
            outputs = layer(*args, **_accepted(layer, kwargs))
        record(call.outputs, outputs)
    return keras.Model(inputs, current(wiring.outputs), name=wiring.model.name)


def _accepted(layer, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments without `mask` and `training`, if the layer's `call` lacks them."""
    parameters = inspect.signature(layer.call).parameters
    optional = {"mask", "training"} - set(parameters)
    return {key: value for key, value in kwargs.items() if key not in optional}


def copy_of(layer, **changes) -> Any:
    """An unbuilt layer or operation of the same class and config, updated with `changes`.

    A layer that cannot be copied from its config, such as a subclassed model without `get_config`,
    is returned itself.
    """
    try:
        config = {**layer.get_config(), **changes}
        if isinstance(layer, keras.layers.Lambda):
            # The function comes from the running program, not from a file, so it is safe to run.
            return type(layer).from_config(config, safe_mode=False)
        return type(layer).from_config(config)
    except (TypeError, NotImplementedError):
        if changes:
            raise
        return layer


def copy_state(source, target) -> None:
    """Copy the weights and the random state of a layer to another layer of the same structure."""
    if source is target:
        return
    for old, new in zip(_variables(source), _variables(target), strict=True):
        # Copy the values: training on JAX deletes a model's arrays even if other variables share
        # them.
        new.assign(keras.ops.copy(old.value))


def _variables(layer) -> list:
    return layer.variables if isinstance(layer, keras.layers.Layer) else []


def layers_inside(layer) -> Iterator[Any]:
    """All layers among the attributes of a layer, at any depth, each once."""
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
