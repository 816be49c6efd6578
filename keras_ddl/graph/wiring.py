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
        """Whether the call is `layer(x)` at inference, without further arguments."""
        # A mask is allowed: it does not change the inference outputs of the layers that surgery
        # folds or skips.
        further = {key: value for key, value in self.kwargs.items() if key != "mask"}
        return len(self.args) == 1 and further in ({}, {"training": None}, {"training": False})


@dataclass(frozen=True, eq=False)
class Wiring:
    """A model as a list of calls in execution order."""

    model: Any
    path: str  # the path to this model inside the outermost one, which has the path ""
    entries: Any  # an `Entry` for each input, in the structure of the inputs
    inputs: Any
    outputs: Any
    calls: tuple[SymbolicCall, ...]

    def name(self, layer) -> str:
        return f"{self.path}{layer.name}"


@dataclass(frozen=True)
class Entry:
    """The arguments that make one input of a model."""

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
    """Whether a layer is a model with a readable graph: functional, or sequential and built."""
    if isinstance(layer, keras.Sequential):
        known = layer.built and hasattr(layer, "inputs")
    else:
        known = isinstance(layer, keras.Model) and isinstance(layer, keras.Function)
    # A subclass with its own `call` may compute something else than its graph says.
    return known and type(layer).call.__module__.startswith("keras.")


def wirings(model, path: str = "") -> list[Wiring]:
    """The wirings of all models nested in a model, each once, and then of the model itself.

    Nothing is computed, no weight is created and the model does not change.

    Raises:
        ValueError: if the model is neither functional nor sequential, or has not been built.
    """
    if not is_traceable(model):
        raise ValueError(
            "`model` must be a functional model, or a Sequential with a known input shape (begin "
            "it with `keras.Input`, or call it once): other models have no readable graph. "
            f"Received: model={model!r}"
        )
    traced: dict[int, Wiring] = {}
    _trace(model, path, traced)
    return list(traced.values())


def _trace(model, path: str, traced: dict[int, Wiring]) -> None:
    """Add the wirings of the model, and of the models nested in it, to `traced`."""
    calls: list[SymbolicCall] = []

    def record(layer, *args, **kwargs):
        if is_traceable(layer) and id(layer) not in traced:
            _trace(layer, f"{path}{layer.name}/", traced)
        # A stand-in operation connects the symbolic tensors. Calling the layer itself would add
        # nodes to it.
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
        # `clone_model` is the public way to walk over the calls of a functional model.
        twin = keras.models.clone_model(
            keras.Model(model.input, model.output),  # without the compile arguments
            input_tensors=inputs,
            clone_function=lambda layer: layer,
            call_function=record,
        )
        outputs = twin.output
    traced[id(model)] = Wiring(model, path, entries, inputs, outputs, tuple(calls))


class _StandIn(keras.Operation):
    """An operation with given symbolic outputs, whatever its inputs are."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def compute_output_spec(self, _inputs):
        return self.spec


def _is_input(layer) -> bool:
    return isinstance(layer, keras.layers.InputLayer)


def _entry(tensor, layer=None) -> Entry:
    # Without a name from the user, the input layer and its tensor have different names. The layer's
    # name is the one that counts.
    return Entry(
        shape=tuple(tensor.shape),
        dtype=tensor.dtype,
        name=tensor.name if layer is None else layer.name,
        sparse=bool(getattr(tensor, "sparse", False)),
        optional=bool(getattr(layer, "optional", False)),
    )
