"""The calls that a model makes, recorded symbolically and played back with other layers."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or an operation: its symbolic arguments and outputs."""

    layer: Any
    args: tuple
    kwargs: dict[str, Any]
    outputs: Any

    @property
    def inputs(self) -> list:
        return tensors((self.args, self.kwargs))

    @property
    def is_plain(self) -> bool:
        """Whether it is `layer(x)` as at inference: nothing is forced to training mode."""
        # Masks change no output at inference of the layers that this is asked about.
        further = {key: value for key, value in self.kwargs.items() if key != "mask"}
        return len(self.args) == 1 and further in ({}, {"training": None}, {"training": False})


@dataclass(frozen=True, eq=False)
class Wiring:
    """A model as a list of calls in an order in which they can be made."""

    model: Any
    path: str  # of the model within the one traced first, "" for that one itself
    entries: Any  # an `Entry` for each input, in the structure of the inputs
    inputs: Any
    outputs: Any
    calls: tuple[Call, ...]

    def name(self, layer) -> str:
        return f"{self.path}{layer.name}"


@dataclass(frozen=True)
class Entry:
    """What an input of a model is made with."""

    shape: tuple
    dtype: str
    name: str
    sparse: bool
    optional: bool

    def make(self):
        return keras.Input(
            batch_shape=self.shape,
            dtype=self.dtype,
            name=self.name,
            sparse=self.sparse,
            optional=self.optional,
        )


def tensors(structure) -> list:
    """The symbolic tensors of a nested structure."""
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor)]


def is_traceable(layer) -> bool:
    """Whether a layer is a model whose calls can be seen: functional, or sequential and built."""
    if isinstance(layer, keras.Sequential):
        known = layer.built and hasattr(layer, "inputs")
    else:
        known = isinstance(layer, keras.Model) and isinstance(layer, keras.Function)
    # A subclass may compute something else than its graph says.
    return known and type(layer).call.__module__.startswith("keras.")


def trace(model, path: str = "") -> list[Wiring]:
    """The wiring of a model, after those of all models nested in it, each once.

    Nothing is computed and no weight is made; the model is not touched.

    Raises:
        ValueError: if the model is neither functional nor sequential, or has not been built.
    """
    if not is_traceable(model):
        raise ValueError(
            "`model` must be a functional model, or a Sequential that knows its input shape (begin "
            "it with `keras.Input`, or call it once): the calls of other models cannot be seen. "
            f"Received: model={model!r}"
        )
    found: dict[int, Wiring] = {}
    _trace(model, path, found)
    return list(found.values())


def _trace(model, path: str, found: dict[int, Wiring]) -> None:
    calls: list[Call] = []

    def record(layer, *args, **kwargs):
        if is_traceable(layer) and id(layer) not in found:
            _trace(layer, f"{path}{layer.name}/", found)
        # A stand-in connects the tensors: calling the layer would leave traces in it.
        stand_in = _StandIn(layer.compute_output_spec(*args, **kwargs))
        outputs = stand_in(tensors((args, kwargs)))
        calls.append(Call(layer, args, kwargs, outputs))
        return outputs

    if isinstance(model, keras.Sequential):
        entries = _entry(model.inputs[0])
        inputs = outputs = entries.make()
        for layer in model.layers:
            outputs = record(layer, outputs)
    else:
        layers = {id(layer.output): layer for layer in model.layers if _is_input(layer)}
        entries = keras.tree.map_structure(
            lambda tensor: _entry(tensor, layers.get(id(tensor))), model.input
        )
        inputs = _make(entries)
        # clone_model is the public way to see a functional model's calls.
        twin = keras.models.clone_model(
            keras.Model(model.input, model.output),  # without the compile arguments
            input_tensors=inputs,
            clone_function=lambda layer: layer,
            call_function=record,
        )
        outputs = twin.output
    found[id(model)] = Wiring(model, path, entries, inputs, outputs, tuple(calls))


class _StandIn(keras.Operation):
    """Gives outputs of a known form, whatever goes in."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def compute_output_spec(self, _inputs):
        return self.spec


def _is_input(layer) -> bool:
    return isinstance(layer, keras.layers.InputLayer)


def _entry(tensor, layer=None) -> Entry:
    # Without a name from its user an input has one as a layer, and its tensor has another.
    return Entry(
        shape=tuple(tensor.shape),
        dtype=tensor.dtype,
        name=tensor.name if layer is None else layer.name,
        sparse=bool(getattr(tensor, "sparse", False)),
        optional=bool(getattr(layer, "optional", False)),
    )


def _make(entries):
    return keras.tree.map_structure(Entry.make, entries)


def rebuild(wirings: list[Wiring], replace: Callable[[Any], Any]):
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
    inputs = _make(wiring.entries)
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


def copy_of(layer, **changes):
    """A layer or operation of the same class and configuration, but for `changes`; not built.

    A layer whose configuration is not enough to make another one, such as a subclassed model
    without `get_config`, is returned itself.
    """
    try:
        config = {**layer.get_config(), **changes}
        if isinstance(layer, keras.layers.Lambda):
            # The function is this program's own: no file is being trusted.
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
        # A copy: JAX deletes the arrays of a model that trains, whoever else has them.
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
