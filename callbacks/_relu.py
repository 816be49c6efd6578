"""Which units of a model are ReLUs, and whose biases tell whether they fire."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_ddl.graph import Call, leaf_layers, own_activation, watch

_RELU = {keras.activations.relu, keras.activations.relu6, ops.relu, ops.relu6}
_LEAKY = {
    getattr(keras.activations, name)
    for name in ("elu", "celu", "selu", "leaky_relu", "softplus", "silu", "gelu", "mish")
}
_LEAKY_LAYERS = (keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU)
_ADDS = (keras.layers.Add, keras.layers.Subtract, keras.layers.Average)


@dataclass(frozen=True)
class Units:
    """The ReLU units that one leaf layer gives out.

    Args:
        layer: a layer with `activation="relu"`, or an activation layer.
        axis: of the units in its output, counted from the end.
        count: how many there are.
        bias: the weight vector whose gradient is exactly zero for a unit that never fires, or None.
        why_not: if there is none, the reason.
    """

    layer: Any
    axis: int
    count: int
    bias: Any = None
    why_not: str = ""


def kind(layer):
    """ "relu", "leaky" for variants whose gradient never dies, or None for anything else."""
    activation = own_activation(layer)
    if isinstance(activation, keras.layers.Activation):
        activation = activation.activation
    if isinstance(activation, keras.layers.ReLU):
        return "relu" if not activation.negative_slope else "leaky"
    if isinstance(activation, _LEAKY_LAYERS):
        return "leaky"
    if isinstance(layer, keras.layers.RNN) or activation is None:
        return None
    return "relu" if activation in _RELU else "leaky" if activation in _LEAKY else None


def relu_units(model, x):
    """The ReLU units of a model in execution order, shared layers once.

    Args:
        model: built.
        x: inputs of one or more examples. One forward pass is made.
    """
    calls: list[Call] = []
    with watch(model, calls.append):
        model(x, training=False)
    found = {}
    for call in calls:
        if id(call.layer) not in found and kind(call.layer) == "relu":
            axis = _axis(call.layer, len(call.outputs.shape))
            bias, why_not = _bias(call, calls)
            count = call.outputs.shape[axis]
            if bias is not None and bias.shape[0] != count:
                bias, why_not = None, "the bias does not belong to single units"
            found[id(call.layer)] = Units(call.layer, axis, count, bias, why_not)
    return [*found.values()]


def leaky_layers(model):
    """The leaf layers with a variant of ReLU that does not die."""
    return [layer for layer in leaf_layers(model) if kind(layer) == "leaky"]


def _axis(layer, rank):
    """Of channels; a plain activation layer says nothing, so Keras' own setting holds."""
    data_format = getattr(layer, "data_format", keras.config.image_data_format())
    return 1 - rank if data_format == "channels_first" and rank > 2 else -1


def _bias(call, calls):
    """The vector added last before a ReLU, if nothing but the ReLU sees what it is added to.

    Then a unit that does not fire passes no gradient to its entry. Dropout between the two takes
    gradients away from single examples only; a sum with a residual branch takes none.
    """
    if own_activation(call.layer) is not call.layer:
        return _vector(call.layer)
    position, tensor = calls.index(call), call.inputs
    for earlier in reversed(calls[:position]):
        outputs = keras.tree.flatten(earlier.outputs)
        # An identity, as dropout is at inference, gives out what it took: go on to who made it.
        if len(outputs) != 1 or outputs[0] is not tensor or _takes(earlier, tensor):
            continue
        if sum(_uses(other, tensor) for other in calls) != 1:
            return None, "its input goes to other layers too"
        bias, why_not = _vector(earlier.layer)
        if bias is not None:
            return bias, ""
        if isinstance(earlier.layer, _ADDS):
            found = [_branch(branch, calls) for branch in keras.tree.flatten(earlier.args)]
            return next((pair for pair in found if pair[0] is not None), found[0])
        return None, why_not
    return None, "no layer with a bias comes right before it"


def _branch(tensor, calls):
    """As `_bias`, for one branch of a sum."""
    for earlier in reversed(calls):
        outputs = keras.tree.flatten(earlier.outputs)
        if len(outputs) == 1 and outputs[0] is tensor and not _takes(earlier, tensor):
            alone = sum(_uses(other, tensor) for other in calls) == 1
            if alone and own_activation(earlier.layer) is None:
                return _vector(earlier.layer)
            break
    return None, "no branch of the sum before it ends with a bias of its own"


def _takes(call, tensor):
    return any(taken is tensor for taken in keras.tree.flatten((call.args, call.kwargs)))


def _uses(call, tensor):
    """Whether a call takes a tensor and makes something else of it."""
    given = keras.tree.flatten(call.outputs)
    return _takes(call, tensor) and not any(output is tensor for output in given)


def _vector(layer):
    """A layer's trainable bias or offset, and otherwise why there is none."""
    for name in ("bias", "beta"):
        vector = getattr(layer, name, None)
        if isinstance(vector, keras.Variable) and len(vector.shape) == 1:
            if not vector.trainable or not layer.trainable:
                return None, f"the {name} of {layer.name!r} is not trained"
            if getattr(layer, f"{name}_regularizer", None) is not None:
                return None, f"the {name} of {layer.name!r} has a regularizer's gradient too"
            return vector, ""
    return None, f"{layer.name!r} has no bias"
