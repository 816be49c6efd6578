"""Reads IDX files, raw or compressed with gzip: the format of MNIST and Fashion-MNIST."""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from benchmarks.harness.data.checksums import verify
from benchmarks.harness.data.conform import conform
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError
from benchmarks.harness.data.known import Facts

NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_UNSIGNED_BYTES = 0x08
_LONGEST_HEADER = 20  # bytes of the header of an array with four axes
_MOST_BYTES = 2**32  # of an unpacked file


def read(facts: Facts, folder: Path) -> Dataset | None:
    """Reads the four files in `folder`; returns `None` if none of them is there."""
    paths = {key: _find(folder, name) for key, name in NAMES.items()}
    if not any(paths.values()):
        return None
    arrays, origins, published = {}, {}, []
    for key, path in paths.items():
        if path is None:
            raise DataError(
                f"{folder} lacks {NAMES[key]} (raw or .gz), but holds others of the four IDX files."
            )
        content = path.read_bytes()
        forms = {NAMES[key]: content}
        if path.suffix == ".gz":
            forms = {NAMES[key]: unpack(content, path), f"{NAMES[key]}.gz": content}
        origins[key] = str(path)
        arrays[key] = parse(forms[NAMES[key]], 3 if key.startswith("x") else 1, str(path))
        published.append(verify(facts, str(path), forms))
    source = f"IDX files in {folder}"
    return conform(facts, arrays, origins, source, verified=all(published))


def parse(content: bytes, ndim: int, origin: str) -> np.ndarray:
    """Returns the array of unsigned bytes with `ndim` axes that an unpacked IDX file holds."""
    header = 4 * (1 + ndim)
    if len(content) < header:
        raise DataError(
            f"{origin} is truncated. Expected: at least {header} bytes. Received: {len(content)}."
        )
    magic, *shape = struct.unpack(f">{1 + ndim}I", content[:header])
    if magic != _magic(ndim):
        raise DataError(
            f"{origin} is not an IDX file of unsigned bytes with {ndim} axes. "
            f"Expected: magic number {_magic(ndim):#010x}. Received: {magic:#010x}."
        )
    expected = header + math.prod(shape)
    if len(content) != expected:
        fault = "is truncated" if len(content) < expected else "has trailing bytes"
        raise DataError(
            f"{origin} {fault}. Expected: {expected} bytes for shape {tuple(shape)}. "
            f"Received: {len(content)}."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def pack(array: np.ndarray) -> bytes:
    """Returns the unpacked IDX file that holds `array`, the inverse of `parse`."""
    header = struct.pack(f">{1 + array.ndim}I", _magic(array.ndim), *array.shape)
    return header + array.astype(np.uint8).tobytes()


def _magic(ndim: int) -> int:
    return _UNSIGNED_BYTES << 8 | ndim


def _find(folder: Path, name: str) -> Path | None:
    # The compressed file first: Fashion-MNIST's checksums are of the compressed files only.
    for suffix in (".gz", ""):
        for spelling in (name, name.replace("-idx", ".idx")):
            path = folder / f"{spelling}{suffix}"
            if path.is_file():
                return path
    return None


def unpack(content: bytes, path: Path) -> bytes:
    """Decompresses a gzip file, up to one byte more than its IDX header announces."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            header = file.read(_LONGEST_HEADER)
            announced = _announced_size(header)
            unpacked = header + file.read(max(announced + 1 - len(header), 1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is truncated or damaged. Expected: a whole gzip file. Received: {error}."
        ) from error
    if announced > _MOST_BYTES:
        raise DataError(
            f"{path} is too large. Expected: an array of at most {_MOST_BYTES} bytes. "
            f"Received: {announced} by its header."
        )
    return unpacked


def _announced_size(header: bytes) -> int:
    """The number of bytes of a whole IDX file, header and array, according to its header."""
    ndim = header[3] if len(header) > 3 else 0
    if len(header) < 4 * (1 + ndim) or not 1 <= ndim <= 4:
        return _LONGEST_HEADER
    size = 4 * (1 + ndim) + math.prod(struct.unpack(f">{ndim}I", header[4 : 4 * (1 + ndim)]))
    return min(size, _MOST_BYTES + 1)
