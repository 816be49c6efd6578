"""Replaces the `call` of layers for a while."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras


@contextlib.contextmanager
def replaced(calls: Iterable[tuple[keras.Layer, Callable[..., Any]]]) -> Iterator[None]:
    """Replace the method `call` of some layers within a block.

    Python looks up `layer.call` in the instance first. The entries are written to `__dict__`
    directly, because `setattr` would make Keras track them.

    Args:
        calls: pairs of a layer and the function that serves as its `call`.
    """
    changed: list[tuple[keras.Layer, Any]] = []
    try:
        for layer, call in calls:
            changed.append((layer, vars(layer).get("call")))
            vars(layer)["call"] = call
        yield
    finally:
        for layer, earlier in reversed(changed):
            if earlier is None:
                del vars(layer)["call"]
            else:
                vars(layer)["call"] = earlier
