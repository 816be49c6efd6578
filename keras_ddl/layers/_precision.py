"""Arithmetic in float32 or better, on every backend."""

from typing import Any

import keras
from keras import ops


def full_precision(x) -> Any:
    """`x` cast to float32, unless it is float64. Squares and sums overflow in half precision."""
    return x if _is_float64(x) else ops.cast(x, "float32")


def maximum(x, y) -> Any:
    """The larger of a tensor and a tensor or number, in the dtype of `x`.

    On PyTorch `keras.ops.maximum` returns float32 for float64 inputs.
    """
    if _is_float64(x) and keras.backend.result_type("float64") != "float64":
        return ops.where(x >= y, x, y)  # the operator: `ops.greater_equal` rounds to float32
    return ops.maximum(x, y)


def _is_float64(x):
    return keras.backend.standardize_dtype(x.dtype) == "float64"
