"""What the operations of a functional model are given, in words that do not depend on names."""

import keras


def wiring(model):
    """The calls that a functional model makes, of layers and of other operations.

    Args:
        model: any layer or model; of one that is not functional nothing is known.

    Returns:
        List of strings such as `"Dense('<0 InputLayer>')"` and `"Multiply('<1 Dense>', 2.0)"`, the
        model's outputs last: of every tensor where it comes from, by the place of the operation
        and not by its name, and every constant.
    """
    try:
        config = model.get_config() if isinstance(model, keras.Function) else {}
    except NotImplementedError:
        config = {}
    if "layers" not in config:  # of a subclass that tells its own arguments
        return []
    places = {
        one["name"]: f"{place} {one['class_name']}" for place, one in enumerate(config["layers"])
    }
    calls = []
    for operation, one in zip(model.operations, config["layers"], strict=True):
        # The arguments of layers are compared elsewhere, and more kindly.
        own = {} if isinstance(operation, keras.Layer) else {**one["config"], "name": None}
        for node in one["inbound_nodes"] or [{}]:
            args, kwargs = (_sources(node.get(which, ()), places) for which in ("args", "kwargs"))
            given = [*map(repr, args), *(f"{key}={value!r}" for key, value in dict(kwargs).items())]
            given += [f"{key}={value!r}" for key, value in own.items() if value is not None]
            calls.append(f"{one['class_name']}({', '.join(given)})")
    return [*calls, f"outputs {_source(config['output_layers'], places)}"]


def _sources(value, places):
    """Nested arguments with a place instead of every tensor."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return _source(value["config"]["keras_history"], places)
        return {key: _sources(item, places) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sources(item, places) for item in value]
    return value


def _source(history, places):
    """Where a tensor comes from: `(name, call, output)` of an operation, or nested ones."""
    if isinstance(history, dict):
        return {key: _source(item, places) for key, item in history.items()}
    if not isinstance(history[0], str):
        return [_source(item, places) for item in history]
    operation, *which = history
    return f"<{places[operation]}{which if any(which) else ''}>"
