"""CIFAR-10's batches, as pickles for Python or in binary, in a folder or in its tar.gz."""

import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.harness.data import unpickle
from benchmarks.harness.data.checksums import verify
from benchmarks.harness.data.conform import conform
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError
from benchmarks.harness.data.known import Facts

_PYTHON = (
    "data_batch_1",
    "data_batch_2",
    "data_batch_3",
    "data_batch_4",
    "data_batch_5",
    "test_batch",
)
_BINARY = tuple(f"{name}.bin" for name in _PYTHON)
_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32

# The same archive under the names that its publisher, Keras 2 and Keras 3 give it.
_ARCHIVES = {
    "cifar-10-python.tar.gz": ("cifar-10-python.tar.gz", _PYTHON),
    "cifar-10-batches-py.tar.gz": ("cifar-10-python.tar.gz", _PYTHON),
    "cifar-10-batches-py-target_archive": ("cifar-10-python.tar.gz", _PYTHON),
    "cifar-10-binary.tar.gz": ("cifar-10-binary.tar.gz", _BINARY),
}


def read_folder(facts: Facts, folder: Path) -> Dataset | None:
    """Reads the six batches in `folder`; returns `None` if none of them is there."""
    for names in (_PYTHON, _BINARY):
        contents = {
            name: (folder / name).read_bytes() for name in names if (folder / name).is_file()
        }
        if contents:
            return _dataset(facts, names, contents, str(folder), f"CIFAR-10 batches in {folder}")
    return None


def read_archive(facts: Facts, folder: Path) -> Dataset | None:
    """Reads an archive in `folder`, without unpacking it; returns `None` if there is none."""
    for file, (published, names) in _ARCHIVES.items():
        path = folder / file
        if path.is_file():
            packed = path.read_bytes()
            contents = _members(packed, names, path)
            verify(facts, str(path), {published: packed})
            return _dataset(facts, names, contents, str(path), f"archive {path}")
    return None


def _members(packed: bytes, names: tuple[str, ...], path: Path) -> dict[str, bytes]:
    contents = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                file = archive.extractfile(member) if name in names else None
                if file is not None:
                    contents[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is truncated or damaged. Expected: a whole tar.gz archive. Received: {error}."
        ) from error
    return contents


def _dataset(
    facts: Facts, names: tuple[str, ...], contents: Mapping[str, bytes], place: str, source: str
) -> Dataset:
    missing = [name for name in names if name not in contents]
    if missing:
        raise DataError(
            f"{place} is incomplete. Expected: {', '.join(names)}. "
            f"Received: no {', '.join(missing)}."
        )
    decode = _decode_python if names is _PYTHON else _decode_binary
    decoded = []
    for name in names:
        origin = f"{place}/{name}"
        decoded.append(decode(contents[name], origin))
        verify(facts, origin, {name: contents[name]})
    *train, test = decoded
    arrays = {
        "x_train": np.concatenate([x for x, _ in train]),
        "y_train": np.concatenate([y for _, y in train]),
        "x_test": test[0],
        "y_test": test[1],
    }
    return conform(facts, arrays, dict.fromkeys(arrays, place), source)


def _decode_python(content: bytes, origin: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = unpickle.load(content, origin)
        batch = {key.decode() if isinstance(key, bytes) else key: batch[key] for key in batch}
        x, y = batch["data"].array(), np.array(batch["labels"], np.int64)
        return _images(x), y
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"{origin} is not a CIFAR-10 batch. Expected: a pickled dictionary with data, bytes of "
            f"shape (n, {_PIXELS}), and labels. Received: {type(error).__name__}: {error}."
        ) from error


def _decode_binary(content: bytes, origin: str) -> tuple[np.ndarray, np.ndarray]:
    if len(content) % (1 + _PIXELS):
        raise DataError(
            f"{origin} is truncated or has trailing bytes. "
            f"Expected: a multiple of {1 + _PIXELS} bytes. Received: {len(content)}."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    return _images(records[:, 1:]), records[:, 0]


def _images(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[1:] != (_PIXELS,):
        raise ValueError(f"shape {pixels.shape}")
    # Stored plane by plane: all red values first, then green, then blue.
    return np.ascontiguousarray(pixels.reshape(-1, *_SHAPE).transpose(0, 2, 3, 1))
