"""Members of a population must be the same graph: what differs between two models, if anything."""

import keras

from keras_ddl.population.wiring import wiring

# Arguments that shape the first weights, or nothing: a difference in them lives in variables.
_FREE = (
    "name",
    "seed",
    "build_config",
    "compile_config",
    "input_layers",
    "output_layers",
    "layers",
    "shared_object_id",
)
_APART = "Train models of different structure in populations of their own."


def check_same_structure(reference, other, index):
    """Raise unless member `index` can share the graph of member 0.

    Two models share a graph if they have the same layers, wired alike, with variables of the same
    shapes, and their arguments are equal wherever these are constants of the computation. Names,
    seeds and initializers may differ, and so may arguments that a layer, or a subclassed model,
    keeps in a weight: it names those in its class attribute `arguments_in_weights`, as
    `VariableDropout` does. Of a subclassed model no more is known than its `get_config` tells.

    Raises:
        ValueError: naming the member, the layer and the argument, and the mend.
    """
    ours, theirs = _leaves(reference), _leaves(other)
    for first, layer in zip(ours, theirs, strict=False):
        _check_layer(first, layer, index)
    if len(ours) != len(theirs):
        raise ValueError(
            "The members of a population must have the same layers. "
            f"Received: member {index} with {len(theirs)} layers, member 0 with {len(ours)}. "
            + _APART
        )
    for first, model in zip([*ours, reference], [*theirs, other], strict=True):
        if isinstance(model, keras.Model):
            _check_arguments(first, model, index)
            _check_wiring(first, model, index)


def _leaves(model):
    return [layer for layer in model._flatten_layers(recursive=True) if layer is not model]


def _check_layer(first, layer, index):
    where = _where(layer, index)
    if type(first) is not type(layer):
        raise ValueError(
            "The members of a population must have the same layers. "
            f"Received: {where}, where member 0 has '{first.name}' ({type(first).__name__}). "
            + _APART
        )
    if not isinstance(layer, keras.Model):  # a model's follow when all layers are known alike
        _check_arguments(first, layer, index)
    shapes = [tuple(map(tuple, (v.shape for v in side.variables))) for side in (first, layer)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "The variables of all members must have the same shapes. "
            f"Received: {where} with {list(shapes[1])}, where member 0 has {list(shapes[0])}. "
            "Train models of different size in populations of their own."
        )


def _check_arguments(first, layer, index):
    free = getattr(layer, "arguments_in_weights", ())
    for argument, mine, others in _differences(_config(first), _config(layer), free):
        raise ValueError(
            "The members of a population may differ only in what lives in variables. "
            f"Received: {_where(layer, index)} with {argument}={others!r}, where member 0 has "
            f"{mine!r}. " + _mend(layer, argument)
        )


def _check_wiring(first, model, index):
    """Compares the operations of functional models, layers or not, and what each is given."""
    mine, others = wiring(first), wiring(model)
    for ours, theirs in zip(mine, others, strict=False):
        if ours != theirs:
            raise ValueError(
                "The members of a population must be wired alike, and constants be the same. "
                f"Received: {_where(model, index)} with {theirs:.200}, where member 0 has "
                f"{ours:.200}. Keep a number that differs in a layer's non-trainable weight. "
                + _APART
            )
    if len(mine) != len(others):
        raise ValueError(
            "The members of a population must have the same operations. Received: "
            f"{_where(model, index)} with {len(others)} of them, where member 0 has {len(mine)}. "
            + _APART
        )


def _where(layer, index):
    return f"member {index}, layer '{layer.name}' ({type(layer).__name__})"


def _config(layer):
    """Arguments, without those parts of a model that are compared as layers and as wiring."""
    try:
        config = layer.get_config()
    except NotImplementedError:
        return {}
    return {} if isinstance(layer, keras.Model) and "layers" in config else config


def _differences(first, other, free):
    for argument in sorted(first.keys() | other.keys()):
        if argument in _FREE or argument in free or argument.endswith("_initializer"):
            continue
        mine, others = first.get(argument), other.get(argument)
        if _without_names(mine) != _without_names(others):
            yield argument, mine, others


def _without_names(value):
    if isinstance(value, dict):
        return {
            key: _without_names(item)
            for key, item in value.items()
            if key not in _FREE and not key.endswith("_initializer")
        }
    if isinstance(value, list | tuple):
        return [_without_names(item) for item in value]
    return value


def _mend(layer, argument):
    if argument == "rate" and "Dropout" in type(layer).__name__:
        return "Use keras_ddl.layers.VariableDropout, whose rate is a weight."
    return (
        "That is a constant of the compiled step: keep it in a non-trainable weight, and name it "
        "in the class attribute `arguments_in_weights`. Or train these members in populations of "
        "their own."
    )
