"""What the operations of a functional model are given, without names."""

import keras


def wiring(model):
    """The calls that a functional model makes, layers' and other operations', in their order.

    Args:
        model: any layer or model; of one that is not functional nothing is known.

    Returns:
        List of pairs: an operation's class, or what the model gives, and a dict of what it is
        given. A tensor is told by where it comes from, as `"<input 0>"` or `"<2 Dense>"`, a
        variable of the model by its place among them, a layer by the order in which layers are
        first called, and what is none of these by itself.
    """
    if not isinstance(model, keras.Function):
        return []
    known = {id(one): f"<variable {place}>" for place, one in enumerate(model.variables)}
    for place, tensor in enumerate(keras.tree.flatten(model.input)):
        known[id(tensor)] = f"<input {place}>"

    def word(leaf):
        other = "<another tensor>" if isinstance(leaf, keras.KerasTensor) else leaf
        return known.get(id(leaf), other)

    def told(structure):
        return keras.tree.map_structure(word, structure)

    layers: dict[int, int] = {}  # by when they are first called
    calls = [("inputs", {"": _keys(told(model.input))})]
    # The order in which Keras itself runs them.
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if node.is_input:
                continue
            operation = type(node.operation).__name__
            given = {**dict(enumerate(told(node.arguments.args))), **told(node.arguments.kwargs)}
            if isinstance(node.operation, keras.Layer):  # whose arguments are compared elsewhere
                given["layer"] = layers.setdefault(id(node.operation), len(layers))
            else:
                given |= {k: v for k, v in vars(node.operation).items() if not k.startswith("_")}
            for place, tensor in enumerate(keras.tree.flatten(node.outputs)):
                known[id(tensor)] = f"<{len(calls)} {operation}{f' {place}' if place else ''}>"
            calls.append((operation, given))
    return [*calls, ("outputs", {"": _keys(told(model.output))})]


def _keys(structure):
    """A list of one is what it holds: Keras takes and gives them alike."""
    single = isinstance(structure, list | tuple) and len(structure) == 1
    return structure[0] if single else structure
