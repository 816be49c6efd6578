"""Walking a model: its leaf layers in execution order, and what follows each."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_ddl._forward import Snapshot, batch_size, stateless
from keras_ddl.layers.maxout import Maxout, MaxoutConv2D, MaxoutDense

ACTIVATION_LAYERS = (
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
    Maxout,
)
# They run their sublayers inside a loop over time, where no single call can be told apart.
_WHOLE = (keras.layers.RNN, keras.layers.TimeDistributed)


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


@dataclass(frozen=True)
class Step:
    """One call of a leaf layer, and the activation function that its output meets next.

    Of a maxout layer the linear layer inside is met, and a `Maxout` follows it.

    Args:
        layer: the layer.
        index: how often the layer was called before in this pass.
        activation: the function: the layer's own `activation=`, or an activation layer that its
            output reaches, or the layer itself if it is one. None if a merge, another layer with
            a kernel or the end of the model comes first.
        through: the layers that its output passes on the way, the activation layer last; empty if
            the activation is the layer's own, or none. Those before the last take and give one
            tensor and have no kernel: normalization, dropout, pooling, reshaping.
    """

    layer: keras.layers.Layer
    index: int
    activation: Callable | None
    through: tuple[keras.layers.Layer, ...]


def leaf_layers(layer) -> list[keras.layers.Layer]:
    """The layers without sublayers in a layer or model, each once, in order of creation.

    A layer given as `activation=` counts as part of the layer that holds it. Recurrent and
    time-distributed layers count whole.
    """
    found = {}
    for child in _children(layer) or [layer]:
        for leaf in [child] if child is layer else leaf_layers(child):
            found[id(leaf)] = leaf
    return [*found.values()]


def own_activation(layer) -> Callable | None:
    """A layer's `activation=` function, or None if it has none or the linear one.

    An activation layer is its own.
    """
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear:
        return None
    if isinstance(layer, ACTIVATION_LAYERS):
        return layer
    function = _argument(layer)
    return None if function is keras.activations.linear or not callable(function) else function


def operations(model) -> list[keras.Operation]:
    """The operations of functional models that are not layers, such as `keras.ops.relu`."""
    found = {
        id(operation): operation
        for layer in model._flatten_layers()
        for operation in getattr(layer, "operations", ())
        if not isinstance(operation, keras.layers.Layer)
    }
    return [*found.values()]


@contextlib.contextmanager
def watch(model, hook, with_operations=False) -> Iterator[None]:
    """Call a hook at every call of a leaf layer, in execution order.

    ```python
    def show(call):
        print(call.layer.name, call.outputs.shape)

    with watch(model, show):
        model(x)  # eager: not `predict` or `fit`, which run a compiled function
    ```

    What the hook returns, unless None, takes the place of the layer's outputs. Shared layers are
    met at each call. Only calls by the thread that entered are seen, so a model that is used by
    others at the same time does not disturb the watch, nor the watch them. When the block ends,
    by an exception too, nothing is left in the model; watches may be nested.

    Args:
        model: a `keras.Model` or any layer, built: layers that `build` makes must be there.
        hook: `(Call) -> outputs or None`.
        with_operations: whether the operations of functional models that are not layers, such as
            `keras.ops.relu` of a symbolic tensor, are watched too. Default False.
    """
    entry = _Entry(threading.get_ident(), Counter(), hook)
    leaves = leaf_layers(model) + (operations(model) if with_operations else [])
    try:
        for layer in leaves:
            _Watched.begin(layer, entry)
        yield
    finally:
        for layer in leaves:
            _Watched.end(layer, entry)


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
    calls: list[Call] = []  # they keep all tensors, so no id is used twice
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


def _children(layer):
    if isinstance(layer, _WHOLE):
        return []
    # Keras tracks sublayers, those in lists too, but only a model's are public.
    children = layer._flatten_layers(include_self=False, recursive=False)
    return [child for child in children if child is not _argument(layer)]


def _argument(layer):
    """What a layer was given as `activation=`, be it watched or not."""
    shadow = _Watched.before(layer)
    return getattr(layer, "activation", None) if shadow is None else shadow.activation


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


@dataclass(frozen=True, eq=False)
class _Entry:
    """One watch: whose calls it sees, how often each layer was called, and its hook."""

    thread: int
    counts: Counter[int]
    hook: Callable[[Call], Any]


class _Watched:
    """Stands before a layer's `call` and `activation` while somebody watches.

    Keras has no public hook into a layer's call. Python looks `layer.call` up in the instance
    before the class, so an entry in the instance's dictionary shadows the method, for this layer
    alone; taking it out restores the layer. `setattr` would not do: Keras tracks what it sets.
    """

    lock = threading.Lock()

    def __init__(self, layer):
        self.layer = layer
        # Keras runs another method of a quantized layer.
        self.name = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
        self.entries: list[_Entry] = []
        self.received = threading.local()
        self.hidden: dict[str, Any] = {}  # entries of the instance that the shadows stand before
        self.call = getattr(layer, self.name)
        self.activation: Any = getattr(layer, "activation", None)
        # A property, as of recurrent layers, cannot be shadowed.
        fixed = hasattr(type(layer), "activation")
        self.shadows_activation = callable(self.activation) and not fixed

    @classmethod
    def before(cls, layer):
        """The one that stands before the layer, or None."""
        shadows = (vars(layer).get(name) for name in ("call", "quantized_call"))
        owners = (getattr(shadow, "__self__", None) for shadow in shadows)
        return next((owner for owner in owners if isinstance(owner, cls)), None)

    @classmethod
    def begin(cls, layer, entry):
        with cls.lock:
            watched = cls.before(layer) or cls(layer)
            if not watched.entries:
                watched._shadow(watched.name, watched.run)
                if watched.shadows_activation:
                    watched._shadow("activation", watched.activate)
            watched.entries = [*watched.entries, entry]

    @classmethod
    def end(cls, layer, entry):
        with cls.lock:
            watched = cls.before(layer)
            if watched is None:
                return
            watched.entries = [other for other in watched.entries if other is not entry]
            if not watched.entries:
                del vars(layer)[watched.name]
                if watched.shadows_activation:
                    del vars(layer)["activation"]
                vars(layer).update(watched.hidden)

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
