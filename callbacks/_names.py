"""Unique names of layers for the logs."""

from keras_ddl.graph import leaf_layers


def layer_names(model):
    """A dictionary from the `id` of each leaf layer to a name that is unique within the model.

    A layer keeps its name if possible. If layers in nested models have the same name, the first one
    keeps it, and a number is appended to the others, such as "dense_3".
    """
    layers = leaf_layers(model)
    taken = {layer.name for layer in layers}
    used: set[str] = set()
    names: dict[int, str] = {}
    for layer in layers:
        if layer.name not in used:
            used.add(layer.name)
            names[id(layer)] = layer.name
        else:
            names[id(layer)] = unused(layer.name, taken)
    return names


def unused(name, used):
    """`name` itself if it is not in `used`, else `name` with the smallest unused number from 2.

    The result is added to `used`.
    """
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name}_{number}"
    used.add(candidate)
    return candidate
