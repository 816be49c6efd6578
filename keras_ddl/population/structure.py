"""Members of a population must be the same graph: what differs between two models, if anything."""

import keras

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


def check_same_structure(reference, other, index):
    """Raise unless member `index` can share the graph of member 0.

    Two models share a graph if they have the same layers, with variables of the same shapes, and
    their layers' arguments are equal wherever these are constants of the computation. Names,
    seeds and initializers may differ, and so may arguments that a layer keeps in a weight: it
    names those in its class attribute `arguments_in_weights`, as `VariableDropout` does.

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
            "Train models of different structure in populations of their own."
        )


def _leaves(model):
    return [layer for layer in model._flatten_layers(recursive=True) if layer is not model]


def _check_layer(first, layer, index):
    where = f"member {index}, layer '{layer.name}' ({type(layer).__name__})"
    if type(first) is not type(layer):
        raise ValueError(
            "The members of a population must have the same layers. "
            f"Received: {where}, where member 0 has '{first.name}' ({type(first).__name__}). "
            "Train models of different structure in populations of their own."
        )
    if not isinstance(layer, keras.Model):  # a model's config repeats its layers'
        free = getattr(layer, "arguments_in_weights", ())
        for argument, mine, others in _differences(first.get_config(), layer.get_config(), free):
            raise ValueError(
                "The members of a population may differ only in what lives in variables. "
                f"Received: {where} with {argument}={others!r}, where member 0 has {mine!r}. "
                + _mend(layer, argument)
            )
    shapes = [tuple(map(tuple, (v.shape for v in side.variables))) for side in (first, layer)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "The variables of all members must have the same shapes. "
            f"Received: {where} with {list(shapes[1])}, where member 0 has {list(shapes[0])}. "
            "Train models of different size in populations of their own."
        )


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
        "That is a constant of the compiled step: keep it in a non-trainable weight, or train "
        "these members in populations of their own."
    )
