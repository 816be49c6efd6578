"""The calls of one layer, seen through an entry that shadows its method."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras


@dataclass(frozen=True)
class Call:
    """One call of a leaf layer in a forward pass, as `watch` hands it to its hook.

    Args:
        layer: the layer.
        index: how often the layer was called before since the watch began; above 0 for a shared
            layer.
        args, kwargs: what its `call` received: tensors of the layer's compute dtype.
        linear: the tensor that its `activation=` function received; without such an argument the
            same as `outputs`.
        outputs: what it returns.
        again: calls the layer once more, with its weights as they are now and the same arguments,
            or with other positional ones if they are given, and returns the new `Call`. The hook
            does not see it.
    """

    layer: keras.layers.Layer
    index: int
    args: tuple
    kwargs: dict
    linear: Any
    outputs: Any
    again: Callable[..., "Call"]

    @property
    def inputs(self) -> Any:
        """The first argument: a tensor, or several for a layer that merges."""
        return self.args[0] if self.args else next(iter(self.kwargs.values()))


@dataclass(frozen=True, eq=False)
class Watch:
    """One watch: the thread whose calls it sees, the calls of each layer so far, and the hook."""

    thread: int
    counts: Counter[int]
    hook: Callable[[Call], Any]


class Shadow:
    """Replaces a layer's `call` and `activation` while the layer is watched.

    Keras has no public hook into a layer's call. Python looks `layer.call` up in the instance
    before the class, so an entry in the instance's dictionary shadows the method of this layer
    alone, and removing the entry restores the layer. The entry is written into the dictionary
    because Keras tracks attributes that are set by `setattr`.
    """

    lock = threading.Lock()

    def __init__(self, layer):
        self.layer = layer
        # Keras runs another method of a quantized layer.
        self.name = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
        self.entries: list[Watch] = []
        self.received = threading.local()
        self.hidden: dict[str, Any] = {}  # entries of the instance that the shadows stand before
        self.call = getattr(layer, self.name)
        self.activation: Any = getattr(layer, "activation", None)
        # A property, as of recurrent layers, cannot be shadowed.
        fixed = hasattr(type(layer), "activation")
        self.shadows_activation = callable(self.activation) and not fixed

    @classmethod
    def before(cls, layer):
        """The shadow of a layer, or None if it is not watched."""
        shadows = (vars(layer).get(name) for name in ("call", "quantized_call"))
        owners = (getattr(shadow, "__self__", None) for shadow in shadows)
        return next((owner for owner in owners if isinstance(owner, cls)), None)

    @classmethod
    def begin(cls, layer, entry):
        with cls.lock:
            shadow = cls.before(layer) or cls(layer)
            if not shadow.entries:
                shadow._shadow(shadow.name, shadow.run)
                if shadow.shadows_activation:
                    shadow._shadow("activation", shadow.activate)
            shadow.entries = [*shadow.entries, entry]

    @classmethod
    def end(cls, layer, entry):
        with cls.lock:
            shadow = cls.before(layer)
            if shadow is None:
                return
            shadow.entries = [other for other in shadow.entries if other is not entry]
            if not shadow.entries:
                del vars(layer)[shadow.name]
                if shadow.shadows_activation:
                    del vars(layer)["activation"]
                vars(layer).update(shadow.hidden)

    def _shadow(self, name, method):
        attributes = vars(self.layer)
        if name in attributes:
            self.hidden[name] = attributes[name]
        attributes[name] = method

    def activate(self, x, *args, **kwargs):
        self.received.linear = x
        return self.activation(x, *args, **kwargs)

    def run(self, *args, **kwargs):
        here = threading.get_ident()
        call = None
        for entry in self.entries:
            if entry.thread == here:
                index = entry.counts[id(self.layer)]
                entry.counts[id(self.layer)] += 1
                call = self._called(index, args, kwargs) if call is None else call
                replaced = entry.hook(replace(call, index=index))
                call = call if replaced is None else replace(call, outputs=replaced)
        return self.call(*args, **kwargs) if call is None else call.outputs

    def _called(self, index, args, kwargs):
        self.received.linear = None
        outputs = self.call(*args, **kwargs)
        linear, self.received.linear = self.received.linear, None
        return Call(
            layer=self.layer,
            index=index,
            args=args,
            kwargs=kwargs,
            linear=outputs if linear is None else linear,
            outputs=outputs,
            again=lambda *others: self._called(index, others or args, kwargs),
        )
