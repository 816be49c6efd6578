"""Sizes that are integers, or tensors where a graph does not know them."""

from typing import Any

from keras import ops


def at_least(size, minimum) -> Any:
    """The larger of a size and an integer; an integer wherever the size is one."""
    return max(size, minimum) if isinstance(size, int) else ops.maximum(size, minimum)
