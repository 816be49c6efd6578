"""Checks that two models have the same structure and the same constants."""

import keras

from keras_ddl.population.differences import differences
from keras_ddl.population.wiring import wiring

_APART = "Train models of different structure in populations of their own."


def check_same_structure(reference, other, index):
    """Raise an error unless member `index` can run on the graph of member 0.

    Two models can share a graph if they have the same layers with the same connections, if their
    variables have the same shapes, and if all arguments that are constants of the computation are
    equal. Names, seeds and initializers may differ. So may arguments that a layer or a subclassed
    model stores in a weight; its class attribute `arguments_in_weights` names them, as that of
    `VariableDropout` does. Of a subclassed model only the layers and its `get_config` are compared.

    Raises:
        ValueError: if they cannot. The message names the member, the layer, the argument and what
            to do.
    """
    _check_class(reference, other, index)
    ours, theirs = _leaves(reference), _leaves(other)
    for first, layer in zip(ours, theirs, strict=False):
        _check_layer(first, layer, index)
    if len(ours) != len(theirs):
        raise ValueError(
            "The members of a population must have the same layers. "
            f"Received: member {index} with {len(theirs)} layers, member 0 with {len(ours)}. "
            + _APART
        )
    # Models come last, so that a message names the layer that differs.
    for first, model in zip([*ours, reference], [*theirs, other], strict=True):
        if isinstance(model, keras.Model):
            _check_arguments(first, model, index)
            _check_wiring(first, model, index)


def _leaves(model):
    return [layer for layer in model._flatten_layers(recursive=True) if layer is not model]


def _check_layer(first, layer, index):
    _check_class(first, layer, index)
    if not isinstance(layer, keras.Model):
        _check_arguments(first, layer, index)
    shapes = [tuple(map(tuple, (v.shape for v in side.variables))) for side in (first, layer)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "The variables of all members must have the same shapes. "
            f"Received: {_where(layer, index)} with {list(shapes[1])}, where member 0 has "
            f"{list(shapes[0])}. Train models of different size in populations of their own."
        )


def _check_class(first, layer, index):
    # Names are compared, because a class defined in `build` is a new one at each call.
    ours, theirs = ((type(side).__module__, type(side).__qualname__) for side in (first, layer))
    if ours != theirs:
        raise ValueError(
            "The members of a population must have the same layers. "
            f"Received: {_where(layer, index)}, where member 0 has '{first.name}' "
            f"({type(first).__name__}). " + _APART
        )


def _check_arguments(first, layer, index):
    for path, mine, others in differences(_config(first), _config(layer)):
        argument = path[0]
        if not _lives_in_weight(layer, path):
            raise ValueError(
                "The members of a population may differ only in what lives in variables. "
                f"Received: {_where(layer, index)} with {argument}={_shown(others)}, where member "
                f"0 has {_shown(mine)}. " + _advice(layer, argument)
            )


def _lives_in_weight(layer, path):
    """Whether an argument is a weight, of the layer or of a regularizer or layer inside it."""
    for name in path:
        if name in getattr(layer, "arguments_in_weights", ()):
            return True
        layer = layer if name == "config" else getattr(layer, str(name), None)
    return False


def _check_wiring(first, model, index):
    mine, others = wiring(first), wiring(model)
    operations = [[name for name, _ in side] for side in (mine, others)]
    if operations[0] != operations[1]:
        raise ValueError(
            "The members of a population must call the same operations. Received: "
            f"{_where(model, index)} with {_shown(operations[1])}, where member 0 has "
            f"{_shown(operations[0])}. " + _APART
        )
    for (operation, ours), (_, theirs) in zip(mine, others, strict=True):
        for path, one, other in differences(ours, theirs):
            at = "".join(f"[{key!r}]" for key in path)
            raise ValueError(
                "The operations of all members must have the same arguments, except for variables. "
                f"Received: {_where(model, index)} with {operation}{at} = "
                f"{_shown(other)}, where member 0 has {_shown(one)}. Keep a number that differs in "
                "a layer's non-trainable weight. " + _APART
            )


def _where(layer, index):
    return f"member {index}, layer '{layer.name}' ({type(layer).__name__})"


def _shown(value):
    shape = getattr(value, "shape", ())
    return f"an array of shape {tuple(shape)}" if shape else f"{value!r:.300}"


def _config(layer):
    try:
        return layer.get_config()
    except (NotImplementedError, TypeError, ValueError):  # something in it cannot be serialized
        return {}


def _advice(layer, argument):
    if argument == "rate" and type(layer) is keras.layers.Dropout:
        return "Use keras_ddl.layers.VariableDropout, whose rate is a weight."
    return (
        "That is a constant of the compiled step: keep it in a non-trainable weight, and name it "
        "in the class attribute `arguments_in_weights`. Or train these members in populations of "
        "their own."
    )
