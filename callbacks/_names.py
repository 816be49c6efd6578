"""Names by which logs tell layers apart."""

from keras_ddl.graph import leaf_layers


def layer_names(model):
    """By identity of a leaf layer, a name that no other leaf layer of the model has.

    That is the layer's name. Where nested models hold layers of one name, the first keeps it and
    later ones get the first number that no layer's name ends with: "dense_3".
    """
    layers = leaf_layers(model)
    taken = {layer.name for layer in layers}
    used: set[str] = set()
    found: dict[int, str] = {}
    for layer in layers:
        if layer.name not in used:
            used.add(layer.name)
            found[id(layer)] = layer.name
        else:
            found[id(layer)] = unused(layer.name, taken)
    return found


def unused(name, used):
    """`name`, or with the first number from 2 that makes it differ from the names in `used`.

    The result is added to `used`.
    """
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name}_{number}"
    used.add(candidate)
    return candidate
