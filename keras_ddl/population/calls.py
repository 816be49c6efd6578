"""Replaces the `call` of layers for a while."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras


@contextlib.contextmanager
def replaced(calls: Iterable[tuple[keras.Layer, Callable[..., Any]]]) -> Iterator[None]:
    """Replace the method `call` of some layers within a block.

    Args:
        calls: pairs of a layer and the function that serves as its `call`.
    """
    changed: list[Any] = []
    try:
        for layer, call in calls:
            vars(layer)["call"] = call
            changed.append(layer)
        yield
    finally:
        for layer in changed:
            vars(layer).pop("call", None)
