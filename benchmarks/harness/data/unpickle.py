"""Reads pickles of byte arrays without running code that the pickles name.

A pickle names functions to call. Here the few names that a pickled NumPy array needs are replaced
by functions and classes that only store their arguments. A pickle with any other name is rejected.
"""

import io
import pickle
from typing import Any

import numpy as np

from benchmarks.harness.data.errors import DataError


def load(content: bytes, origin: str) -> Any:
    """Returns the pickled object, with a `PickledArray` in place of each array.

    Args:
        content: the pickle, written by Python 2 or 3.
        origin: the file, for messages.
    """
    try:
        # "bytes" keeps Python 2 strings as bytes: CIFAR-10's keys and pixels are such strings.
        return _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{origin} {error}") from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise DataError(
            f"{origin} is truncated or damaged. Expected: a whole pickle. "
            f"Received: {type(error).__name__}: {error}."
        ) from error


class PickledArray:
    """Stores the state of a pickled NumPy array."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """Returns the array; raises `ValueError` or `TypeError` if the state is not an array's."""
        _, shape, dtype, fortran, content = self.state
        if dtype.code not in ("u1", b"u1"):
            raise TypeError(f"an array of type {dtype.code!r}")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


class _DType:
    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Ignores the state, which is byte order and alignment: single bytes have neither."""


def _reconstruct(*_: Any) -> PickledArray:
    return PickledArray()


def _encode(text: str, encoding: str) -> bytes:
    # Old pickle protocols of Python 3 write bytes in this way. Other codecs may be slow or unsafe.
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
                "is a pickle that would run code, so it was not read. "
                f"Expected: NumPy arrays only. Received: {module}.{name}."
            ) from None
