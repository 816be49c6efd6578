"""Pickles of byte arrays, read without running anything that they ask for.

A pickle names functions to call. Here the few names that a pickled NumPy array needs lead to
stand-ins that only keep what they are given; every other name is refused.
"""

import io
import pickle
from typing import Any

import numpy as np

from benchmarks.harness.data.errors import DataError


def load(content: bytes, origin: str) -> Any:
    """Returns what the pickle holds, arrays of unsigned bytes as `PickledArray`.

    Args:
        content: the pickle, written by Python 2 or 3.
        origin: the file, for messages.
    """
    try:
        # Python 2 strings come back as bytes: the form in which CIFAR-10 keeps its keys and pixels.
        return _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{origin} {error}") from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise DataError(
            f"{origin} is truncated or damaged. Expected: a whole pickle. "
            f"Received: {type(error).__name__}: {error}."
        ) from error


class PickledArray:
    """Keeps the state of a pickled NumPy array."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """Returns the array; raises `ValueError` or `TypeError` if the state makes none."""
        _, shape, dtype, fortran, content = self.state
        if dtype.code not in ("u1", b"u1"):
            raise TypeError(f"an array of type {dtype.code!r}")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


class _DType:
    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment, which bytes do not have."""


def _reconstruct(*_: Any) -> PickledArray:
    return PickledArray()


def _encode(text: str, encoding: str) -> bytes:
    # How Python 3 writes bytes in an old protocol. Other codecs may do costly things.
    if encoding != "latin1":
        raise ValueError(f"codec {encoding}")
    return text.encode(encoding)


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataError(
                "is a pickle that asks to run code, and was not read. "
                f"Expected: NumPy arrays only. Received: {module}.{name}."
            ) from None
