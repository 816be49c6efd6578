"""The ReLU units of a model, and the biases whose gradients show whether the units fire."""

from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_ddl._forward import stateless, whole_batch
from keras_ddl.callbacks._relu import kind
from keras_ddl.graph import Call, own_activation, watch

_ADDS = (keras.layers.Add, keras.layers.Subtract, keras.layers.Average)
_REORDER = (keras.layers.Reshape, keras.layers.Permute, keras.layers.RepeatVector)


@dataclass(frozen=True)
class Units:
    """The ReLU units of one layer, or of some of its calls.

    Args:
        layer: a layer with a ReLU as its activation, an activation layer, or an operation.
        calls: the indices of the layer's calls that have these units, counted from 0. An activation
            layer that is used at several places has different units at each place, unless the
            places share one bias.
        axis: the axis of the units in the layer's output, counted from the end.
        count: the number of units.
        bias: the weight vector whose gradient is exactly zero for a unit that never fires, or None.
        why_not: the reason if `bias` is None.
    """

    layer: Any
    calls: tuple[int, ...]
    axis: int
    count: int
    bias: Any = None
    why_not: str = ""


def relu_units(model, x):
    """The ReLU units of a model in execution order.

    Args:
        model: a built model.
        x: inputs of one or more examples, for one forward pass.
    """
    calls: list[Call] = []
    with watch(model, calls.append, with_operations=True), stateless(model):
        model(whole_batch(model, x), training=False)
    groups: dict[tuple, Units] = {}
    owners: dict[tuple, Any] = {}
    for position, call in enumerate(calls):
        if kind(call.layer) != "relu":
            continue
        axis = _axis(position, calls)
        count = call.outputs.shape[axis]
        bias, owner, why_not = _bias(position, calls)
        if bias is not None and bias.shape[0] != count:
            bias, why_not = None, "the bias does not belong to single units"
        key: tuple[int, ...] = (id(call.layer), call.index)
        if bias is not None:
            key = (id(bias),)
        elif _has_kernel(call.layer):
            key = (id(call.layer),)  # its units are the columns of its kernel
        if key in groups:
            groups[key] = replace(groups[key], calls=(*groups[key].calls, call.index))
        else:
            groups[key] = Units(call.layer, (call.index,), axis, count, bias, why_not)
            owners[key] = owner
    return [_checked(units, owners[key], calls) for key, units in groups.items()]


def _has_kernel(layer):
    """Whether a layer with a ReLU also computes the ReLU's input, as `Dense(5, "relu")` does."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return bool(layer.weights)
    return isinstance(layer, keras.layers.Layer) and own_activation(layer) not in (layer, None)


def _checked(units, owner, calls):
    """The units, but without their bias if the bias is also used at other places."""
    if units.bias is None:
        return units
    if sum(call.layer is owner for call in calls) == len(units.calls):
        return units
    return replace(units, bias=None, why_not=f"{owner.name!r} is also used at other places")


def _axis(position, calls):
    """The axis of the units, counted from the end, in the layer that computes their input."""
    rank = len(calls[position].outputs.shape)
    place: int | None = position
    while place is not None:
        layer = calls[place].layer
        axis = _unit_axis(layer, rank)
        if axis is not None:
            return axis
        tensor = _first_tensor(calls[place])
        if isinstance(layer, _REORDER) or tensor is None or len(tensor.shape) != rank:
            break
        place = _producer(tensor, place, calls)
    channels_first = keras.config.image_data_format() == "channels_first"
    return 1 - rank if channels_first and rank > 3 else -1


def _unit_axis(layer, rank):
    """The axis of a layer's units, or None if the layer works on any axis."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return _unit_axis(layer.layer, rank - 1)
    data_format = getattr(layer, "data_format", None)
    if data_format is not None:
        return 1 - rank if data_format == "channels_first" and rank > 2 else -1
    weights = getattr(layer, "weights", ())
    axis = getattr(layer, "axis", None)
    if weights and isinstance(axis, int):
        return axis if axis < 0 else axis - rank
    return -1 if any(len(weight.shape) > 1 for weight in weights) else None


def _bias(position, calls):
    """The bias added directly before a ReLU, provided that only the ReLU uses the sum.

    Its entry for a unit that does not fire receives no gradient. Dropout between the two is
    allowed, because it removes the gradients of single examples only. So is the sum with a residual
    branch, because it removes none.

    Returns:
        The bias or None, the layer that has it, and the reason if it is None.
    """
    call = calls[position]
    if _has_kernel(call.layer):
        return _vector(call.layer)
    tensor = _first_tensor(call)
    place = _producer(tensor, position, calls)
    if place is None:
        return None, None, "no layer with a bias comes directly before it"
    if sum(_uses(other, tensor) for other in calls) != 1:
        return None, None, "its input also goes to other layers"
    layer = calls[place].layer
    bias, owner, why_not = _vector(layer)
    if bias is None and isinstance(layer, _ADDS):
        branches = [_branch(one, calls) for one in keras.tree.flatten(calls[place].args)]
        return next((branch for branch in branches if branch[0] is not None), branches[0])
    return bias, owner, why_not


def _branch(tensor, calls):
    """The same as `_bias`, for one branch of a sum."""
    place = _producer(tensor, len(calls), calls)
    if place is not None:
        layer = calls[place].layer
        alone = sum(_uses(other, tensor) for other in calls) == 1
        if alone and own_activation(layer) is None:
            return _vector(layer)
    return None, None, "no branch of the sum before it ends with a bias"


def _producer(tensor, position, calls):
    """The index of the call before `position` that produced a tensor, or None.

    A call that returns its input, as dropout does at inference, does not count.
    """
    for place in reversed(range(position)):
        outputs = keras.tree.flatten(calls[place].outputs)
        if len(outputs) == 1 and outputs[0] is tensor and not _takes(calls[place], tensor):
            return place
    return None


def _first_tensor(call):
    taken = keras.tree.flatten((call.args, call.kwargs))
    return next((one for one in taken if hasattr(one, "shape")), None)


def _takes(call, tensor):
    return any(taken is tensor for taken in keras.tree.flatten((call.args, call.kwargs)))


def _uses(call, tensor):
    """Whether a call takes a tensor and returns a different one."""
    outputs = keras.tree.flatten(call.outputs)
    return _takes(call, tensor) and not any(output is tensor for output in outputs)


def _vector(layer):
    """A layer's trainable bias or offset (or None), the layer, and the reason if it is None."""
    holder = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
    for name in ("bias", "beta"):
        vector = getattr(holder, name, None)
        if isinstance(vector, keras.Variable) and len(vector.shape) == 1:
            if not vector.trainable or not layer.trainable:
                return None, layer, f"the {name} of {layer.name!r} is not trained"
            if getattr(holder, f"{name}_regularizer", None) is not None:
                return None, layer, f"the {name} of {layer.name!r} has a regularizer"
            return vector, layer, ""
    return None, layer, f"{layer.name!r} has no bias"
