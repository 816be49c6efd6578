"""The calls that a functional model makes, with names replaced by positions."""

from typing import Any

import keras


def wiring(model):
    """The calls of layers and other operations that a functional model makes, in their order.

    Args:
        model: any layer or model. The result is empty if it is not functional.

    Returns:
        List of pairs: the name of an operation's class, and a dict of its arguments. The first pair
        describes the model's inputs, the last one its outputs. A tensor is identified by its
        origin, as `"<input 0>"` or `"<2 Dense>"`, a variable of the model by its position, and a
        layer by the order in which layers are first called. Other arguments stand as they are.
    """
    if not isinstance(model, keras.Function):
        return []
    known = {id(one): f"<variable {place}>" for place, one in enumerate(model.variables)}
    for place, tensor in enumerate(keras.tree.flatten(model.input)):
        known[id(tensor)] = f"<input {place}>"

    def word(leaf):
        other = "<another tensor>" if isinstance(leaf, keras.KerasTensor) else leaf
        return known.get(id(leaf), other)

    def described(structure):
        return keras.tree.map_structure(word, structure)

    layers: dict[int, int] = {}  # positions in the order of first calls
    calls: list[tuple[str, dict[Any, Any]]] = [("inputs", {"": _keys(described(model.input))})]
    # The order in which Keras itself runs them.
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if node.is_input:
                continue
            operation = type(node.operation).__name__
            arguments: dict[Any, Any] = dict(enumerate(described(node.arguments.args)))
            arguments |= described(node.arguments.kwargs)
            if isinstance(node.operation, keras.Layer):  # its arguments are compared elsewhere
                arguments["layer"] = layers.setdefault(id(node.operation), len(layers))
            else:
                arguments |= {
                    k: v for k, v in vars(node.operation).items() if not k.startswith("_")
                }
            for place, tensor in enumerate(keras.tree.flatten(node.outputs)):
                known[id(tensor)] = f"<{len(calls)} {operation}{f' {place}' if place else ''}>"
            calls.append((operation, arguments))
    return [*calls, ("outputs", {"": _keys(described(model.output))})]


def _keys(structure):
    """The only element of a list of one: Keras treats both alike."""
    single = isinstance(structure, list | tuple) and len(structure) == 1
    return structure[0] if single else structure
