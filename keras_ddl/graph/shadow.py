"""Observing the calls of one layer by shadowing its `call` method."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras


@dataclass(frozen=True)
class Call:
    """One call of a leaf layer in a forward pass, as `watch` passes it to its hook.

    Args:
        layer: the layer.
        index: the number of earlier calls of this layer since the watch began. It exceeds 0 only
            if the layer is called several times, as a shared layer is.
        args, kwargs: the arguments of `call`; tensors have the layer's compute dtype.
        linear: the input of the layer's `activation=` function. The same as `outputs` if the layer
            has no such function.
        outputs: the outputs of the call.
        again: a function that calls the layer once more, with its current weights, and returns the
            new `Call`. Without arguments it repeats the original arguments; positional arguments
            replace the original positional ones. The hook is not called for this call.
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
        """The first argument: a tensor, or a list of tensors for a merging layer such as `Add`."""
        return self.args[0] if self.args else next(iter(self.kwargs.values()))


@dataclass(frozen=True, eq=False)
class Watch:
    """One watch: the thread to observe, the number of calls of each layer so far, and the hook."""

    thread: int
    counts: Counter[int]
    hook: Callable[[Call], Any]


class Shadow:
    """Replaces a layer's `call` and `activation` while the layer is watched.

    Keras has no public hook for the call of a layer. Python looks up `layer.call` in the instance
    before the class, so an entry in the instance's `__dict__` shadows the method for this layer
    only, and removing the entry restores the layer. The entry is written to `__dict__` directly
    because `setattr` would make Keras track it.
    """

    lock = threading.Lock()

    def __init__(self, layer):
        self.layer = layer
        # Keras calls `quantized_call` in place of `call` if the layer is quantized.
        self.name = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
        self.entries: list[Watch] = []
        self.received = threading.local()
        self.hidden: dict[str, Any] = {}  # instance entries that the shadows replace
        self.call = getattr(layer, self.name)
        self.activation: Any = getattr(layer, "activation", None)
        # An instance entry cannot shadow a property. Recurrent layers have such a property.
        fixed = hasattr(type(layer), "activation")
        self.shadows_activation = callable(self.activation) and not fixed

    @classmethod
    def of(cls, layer):
        """The shadow of a layer, or None if it is not watched."""
        shadows = (vars(layer).get(name) for name in ("call", "quantized_call"))
        owners = (getattr(shadow, "__self__", None) for shadow in shadows)
        return next((owner for owner in owners if isinstance(owner, cls)), None)

    @classmethod
    def begin(cls, layer, entry):
        with cls.lock:
            shadow = cls.of(layer) or cls(layer)
            if not shadow.entries:
                shadow._shadow(shadow.name, shadow.run)
                if shadow.shadows_activation:
                    shadow._shadow("activation", shadow.activate)
            shadow.entries = [*shadow.entries, entry]

    @classmethod
    def end(cls, layer, entry):
        with cls.lock:
            shadow = cls.of(layer)
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
                call = self._call_once(index, args, kwargs) if call is None else call
                replaced = entry.hook(replace(call, index=index))
                call = call if replaced is None else replace(call, outputs=replaced)
        return self.call(*args, **kwargs) if call is None else call.outputs

    def _call_once(self, index, args, kwargs):
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
            again=lambda *others: self._call_once(index, others or args, kwargs),
        )
