"""Names by which logs tell layers apart."""

from collections import Counter

from keras_ddl.graph import leaf_layers, leaf_paths


def layer_names(model):
    """By identity of a leaf layer, a name that no other leaf layer of the model has.

    That is the layer's name. Leaf layers of one name get the names of the layers that hold them in
    front ("encoder/dense"), and a number if that does not suffice ("dense_2").
    """
    layers, paths = leaf_layers(model), leaf_paths(model)
    names = Counter(layer.name for layer in layers)
    places = Counter(paths.get(id(layer), layer.name) for layer in layers)
    used = {name for name, count in names.items() if count == 1}
    found: dict[int, str] = {}
    for layer in layers:
        name = layer.name
        if names[name] > 1:
            path = paths.get(id(layer), name)
            name = unused(path if places[path] == 1 else name, used)
        found[id(layer)] = name
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
