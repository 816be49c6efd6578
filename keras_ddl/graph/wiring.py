"""The calls that a functional model makes, read from its symbolic graph without running it."""

from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True, eq=False)
class SymbolicCall:
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
    calls: tuple[SymbolicCall, ...]

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

    def make(self) -> Any:
        return keras.Input(
            batch_shape=self.shape,
            dtype=self.dtype,
            name=self.name,
            sparse=self.sparse,
            optional=self.optional,
        )


def make_inputs(entries) -> Any:
    return keras.tree.map_structure(Entry.make, entries)


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


def wirings(model, path: str = "") -> list[Wiring]:
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
    calls: list[SymbolicCall] = []

    def record(layer, *args, **kwargs):
        if is_traceable(layer) and id(layer) not in found:
            _trace(layer, f"{path}{layer.name}/", found)
        # A stand-in connects the tensors: calling the layer would leave traces in it.
        stand_in = _StandIn(layer.compute_output_spec(*args, **kwargs))
        outputs = stand_in(tensors((args, kwargs)))
        calls.append(SymbolicCall(layer, args, kwargs, outputs))
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
        inputs = make_inputs(entries)
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
