"""Sizes of axes: integers, or scalar tensors if the size is unknown while a graph is traced."""

from typing import Any

from keras import ops


def at_least(size, minimum) -> Any:
    """The larger of a size and an integer. The result is an integer if the size is one."""
    return max(size, minimum) if isinstance(size, int) else ops.maximum(size, minimum)
