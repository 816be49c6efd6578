"""Which batch normalization can be folded into which layer, and why others cannot be folded."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from keras_ddl.graph.wiring import SymbolicCall, Wiring, is_traceable, tensors
from keras_ddl.layers import GhostBatchNormalization, VariableDropout
from keras_ddl.surgery import arithmetic
from keras_ddl.surgery.rebuilding import layers_inside

# Only these exact classes: another subclass may normalize differently at inference.
NORMALIZATIONS = {layers.BatchNormalization, GhostBatchNormalization}
IDENTITY_AT_INFERENCE = {
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    VariableDropout,
}


@dataclass(frozen=True)
class Folding:
    """What `fold_batch_normalization` does with one BatchNormalization layer.

    Attributes:
        layer: the name of the layer. In a nested model it is preceded by the model's name, such as
            "encoder/bn".
        into: the name of the layer into which it is folded, or None if it stays.
        reason: the reason why it stays, or None if it is folded.
    """

    layer: str
    into: str | None
    reason: str | None = None


@dataclass(frozen=True)
class FoldingStep:
    """One normalization to fold, and the layer to fold it into."""

    normalization: Any
    target: Any
    fold: Callable  # arithmetic.fold_after or arithmetic.fold_before


class _NotExact(Exception):  # noqa: N818  (an answer, not an error)
    """The reason why a normalization cannot be folded into the layer before or after it."""


class Plan:
    """The folding steps of a model, in the order in which they must be carried out."""

    def __init__(self, wirings: list[Wiring]):
        self.wirings = wirings
        self.names: dict[int, str] = {}
        self.calls: dict[int, list[SymbolicCall]] = defaultdict(list)
        self.producer: dict[int, SymbolicCall] = {}
        self.uses: Counter[int] = Counter()
        self.consumer: dict[int, SymbolicCall] = {}
        self.identities: set[int] = set()
        for wiring in wirings:
            self.uses.update(id(tensor) for tensor in tensors(wiring.outputs))
            for call in wiring.calls:
                self.names.setdefault(id(call.layer), wiring.name(call.layer))
                self.calls[id(call.layer)].append(call)
                self.producer |= {id(tensor): call for tensor in tensors(call.outputs)}
                self.uses.update(id(tensor) for tensor in call.inputs)
                self.consumer |= {id(tensor): call for tensor in call.inputs}
        self.normalizations = [
            calls[0].layer
            for calls in self.calls.values()
            if isinstance(calls[0].layer, layers.BatchNormalization)
        ]
        self.reasons: dict[int, list[str]] = defaultdict(list)
        self.steps: list[FoldingStep] = []
        # In a chain of normalizations, the one nearest to the target is folded first. It then
        # counts as an identity, so that the next one is adjacent to the target.
        self._fold(self.normalizations, self._before, arithmetic.fold_after)
        self._fold(self.normalizations[::-1], self._after, arithmetic.fold_before)

    def foldings(self) -> list[Folding]:
        into = {id(step.normalization): self.names[id(step.target)] for step in self.steps}
        known = [
            Folding(self.names[id(layer)], into[id(layer)])
            if id(layer) in into
            else Folding(self.names[id(layer)], None, "; ".join(self.reasons[id(layer)]))
            for layer in self.normalizations
        ]
        return [*known, *self._unreachable()]

    def _unreachable(self) -> Iterator[Folding]:
        """Normalizations inside layers whose calls are not part of the symbolic graph."""
        for calls in self.calls.values():
            layer = calls[0].layer
            if not isinstance(layer, layers.Layer) or is_traceable(layer):
                continue
            for inner in layers_inside(layer):
                if isinstance(inner, layers.BatchNormalization):
                    name = self.names[id(layer)]
                    reason = f"the calls inside {name} ({type(layer).__name__}) cannot be traced"
                    yield Folding(f"{name}/{inner.name}", None, reason)

    def _fold(self, normalizations, find: Callable, fold: Callable) -> None:
        for layer in normalizations:
            if id(layer) in self.identities:
                continue
            try:
                self._check_normalization(layer)
                target = find(layer)
                self._check_target(layer, target)
            except _NotExact as why:
                if str(why) not in self.reasons[id(layer)]:
                    self.reasons[id(layer)].append(str(why))
            else:
                self.steps.append(FoldingStep(layer, target, fold))
                self.identities.add(id(layer))

    def _before(self, layer):
        """The one layer that produces all inputs of a normalization, which nothing else uses."""
        reached = []
        for call in self.calls[id(layer)]:
            tensor = call.args[0]
            while True:
                self._check_single_use(tensor)
                maker = self.producer.get(id(tensor))
                if maker is None:
                    raise _NotExact("no layer of its model comes before it")
                if not self._is_identity(maker):
                    break
                tensor = maker.args[0]
            reached.append(maker)
        target = self._only_target(reached)
        activation = getattr(target, "activation", None)
        if activation not in (None, keras.activations.linear):
            name = getattr(activation, "__name__", activation)
            raise _NotExact(f"{self.names[id(target)]} before it has the activation {name}")
        self._check_axis(layer, target, reached[0].outputs)
        return target

    def _after(self, layer):
        """The one layer that uses all outputs of a normalization, and has no other inputs."""
        reached = []
        for call in self.calls[id(layer)]:
            tensor = call.outputs
            while True:
                self._check_single_use(tensor)
                user = self.consumer.get(id(tensor))
                if user is None:
                    raise _NotExact("its output is an output of its model")
                if not self._is_identity(user):
                    break
                tensor = user.outputs
            reached.append(user)
        target = self._only_target(reached)
        kind = arithmetic.KINDS[type(target)]
        name = self.names[id(target)]
        if kind.inputs is None:
            raise _NotExact(f"{name} after it sees fewer inputs at the edges")
        if getattr(target, "padding", "valid") != "valid":
            raise _NotExact(f"{name} after it pads its input with zeros")
        self._check_axis(layer, target, reached[0].args[0])
        return target

    def _check_single_use(self, tensor) -> None:
        if self.uses[id(tensor)] > 1:
            maker = self.producer.get(id(tensor))
            name = self.names[id(maker.layer)] if maker else "an input"
            raise _NotExact(f"the output of {name} is also used elsewhere")

    def _is_identity(self, call: SymbolicCall) -> bool:
        layer = call.layer
        if not call.is_plain:
            return False
        if type(layer) is layers.Activation:
            return layer.activation is keras.activations.linear
        return type(layer) in IDENTITY_AT_INFERENCE or id(layer) in self.identities

    def _only_target(self, reached: list[SymbolicCall]):
        target = reached[0].layer
        name = self.names[id(target)]
        if type(target) not in arithmetic.KINDS:
            raise _NotExact(f"{name} ({type(target).__name__}) is not a layer to fold into")
        if len({id(call) for call in reached}) < len(self.calls[id(target)]) or any(
            call.layer is not target for call in reached
        ):
            raise _NotExact(f"{name} is not always called together with it")
        if not all(call.is_plain for call in reached):
            raise _NotExact(f"{name} is called with further arguments")
        return target

    def _check_normalization(self, layer) -> None:
        if type(layer) not in NORMALIZATIONS:
            raise _NotExact(f"{type(layer).__name__} may normalize differently than its base class")
        if not all(call.is_plain for call in self.calls[id(layer)]):
            raise _NotExact("it is called with training=True or further arguments")

    def _check_target(self, layer, target) -> None:
        name = self.names[id(target)]
        if getattr(target, "quantization_mode", None) or getattr(target, "lora_enabled", False):
            raise _NotExact(f"{name} is quantized or adapted by LoRA")
        if layer.compute_dtype != target.compute_dtype:
            raise _NotExact(
                f"it computes in {layer.compute_dtype} and {name} in {target.compute_dtype}"
            )

    def _check_axis(self, layer, target, tensor) -> None:
        ndim = len(tensor.shape)
        first = getattr(target, "data_format", "channels_last") == "channels_first"
        channels = 1 if first else ndim - 1
        if layer.axis % ndim != channels:
            name = self.names[id(target)]
            raise _NotExact(
                f"it normalizes axis {layer.axis} and the channels of {name} are on {channels}"
            )
