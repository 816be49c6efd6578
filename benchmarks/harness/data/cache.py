"""A cache on disk for arrays that take long to decode."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.data import npz
from benchmarks.harness.data.conform import KEYS
from benchmarks.harness.data.dataset import fingerprint
from benchmarks.harness.data.errors import DataError

Arrays = dict[str, np.ndarray]
MOST_BYTES = 2**30  # of all files in the cache together


def cached(name: str, make: Callable[[], Arrays], notify: Callable[[str], object]) -> Arrays:
    """Returns `make()`, or the arrays that an earlier call with the same `name` stored.

    The cache folder is `$KERAS_DDL_CACHE`, by default `~/.cache/keras_ddl`. A damaged file is
    replaced. If the folder cannot be written to, the next call decodes again. If the cache exceeds
    1 GiB, the least recently used files are removed.

    Args:
        name: the file's name without suffix. It must change whenever the result changes.
        make: returns the arrays, by the names in `conform.KEYS`.
        notify: called with one line for humans.
    """
    folder = os.environ.get("KERAS_DDL_CACHE") or "~/.cache/keras_ddl"
    path = Path(os.path.expanduser(folder)) / f"{name}.npz"
    if path.is_file():
        try:
            arrays = _load(path)
            with contextlib.suppress(OSError):
                os.utime(path)  # the file's time is the time of its last use
            return arrays
        except DataError:
            notify(f"The cache file {path} is damaged and will be replaced.")
    arrays = make()
    try:
        _store(path, arrays)
        _evict(path)
    except OSError as error:
        notify(f"The decoded images could not be stored in the cache: {error}.")
    return arrays


def _load(path: Path) -> Arrays:
    arrays = npz.load(path, (*KEYS, "fingerprint"))
    expected = str(arrays.pop("fingerprint"))
    if _fingerprint(arrays) != expected:
        raise DataError(f"{path} is damaged. Expected: {expected}.")
    return arrays


def _store(path: Path, arrays: Arrays) -> None:
    """Writes a temporary file and renames it, so that `path` never holds an incomplete file."""
    content: dict[str, Any] = {**arrays, "fingerprint": np.array(_fingerprint(arrays))}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".tmp", prefix=f"{path.stem}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _evict(new: Path) -> None:
    """Removes the least recently used files until the cache is small enough, but never `new`."""
    files = [path for path in new.parent.glob("*-*") if path.suffix in (".npz", ".tmp")]
    files.sort(key=lambda path: (path == new, path.stat().st_mtime), reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > MOST_BYTES and path != new:
            path.unlink(missing_ok=True)


def _fingerprint(arrays: Arrays) -> str:
    return fingerprint(arrays[key] for key in KEYS)
