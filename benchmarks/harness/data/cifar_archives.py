"""Reads CIFAR-10's batches: pickled or binary files, in a folder or in a tar.gz archive."""

import gzip
import io
import tarfile
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
_MOST_BYTES = 2**30  # of an unpacked archive; the published ones have 185 million

# By file name, the published archive and its members. Keras 2 and Keras 3 rename the archive.
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
    for file, (published_name, names) in _ARCHIVES.items():
        path = folder / file
        if path.is_file():
            packed = path.read_bytes()
            published = verify(facts, str(path), {published_name: packed})
            contents = _members(packed, names, path)
            source = f"archive {path}"
            return _dataset(facts, names, contents, str(path), source, verified=published)
    return None


class _Unpacked(gzip.GzipFile):
    """A gzip file that raises an error if it unpacks to more than `_MOST_BYTES`."""

    total = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.total += len(content)
        if self.total > _MOST_BYTES:
            raise OSError(f"more than {_MOST_BYTES} bytes when unpacked")
        return content


def _members(packed: bytes, names: tuple[str, ...], path: Path) -> dict[str, bytes]:
    contents = {}
    try:
        with (
            _Unpacked(fileobj=io.BytesIO(packed)) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|") as archive,
        ):
            for member in archive:
                name = member.name.rpartition("/")[2]
                if name not in names or not member.isreg():  # links are ignored
                    continue
                file = archive.extractfile(member)
                if file is not None:
                    contents[name] = file.read()
    except Exception as error:  # a damaged archive can make the module raise anything
        raise DataError(
            f"{path} is truncated or damaged. Expected: a whole tar.gz archive. Received: {error}."
        ) from error
    return contents


def _dataset(
    facts: Facts,
    names: tuple[str, ...],
    contents: Mapping[str, bytes],
    place: str,
    source: str,
    *,
    verified: bool = False,
) -> Dataset:
    missing = [name for name in names if name not in contents]
    if missing:
        raise DataError(
            f"{place} is incomplete. Expected: {', '.join(names)}. "
            f"Received: no {', '.join(missing)}."
        )
    decode = _decode_python if names is _PYTHON else _decode_binary
    decoded, published = [], []
    for name in names:
        origin = f"{place}/{name}"
        decoded.append(decode(contents[name], origin))
        published.append(verify(facts, origin, {name: contents[name]}))
    *train, test = decoded
    arrays = {
        "x_train": np.concatenate([x for x, _ in train]),
        "y_train": np.concatenate([y for _, y in train]),
        "x_test": test[0],
        "y_test": test[1],
    }
    verified = verified or all(published)
    return conform(facts, arrays, dict.fromkeys(arrays, place), source, verified=verified)


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
