"""Arrays that were costly to decode, kept for the next time."""

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
MOST_BYTES = 2**30  # of all kept files together


def cached(name: str, make: Callable[[], Arrays], notify: Callable[[str], object]) -> Arrays:
    """Returns `make()`, or what an earlier call with the same `name` kept of it.

    Kept in `$KERAS_DDL_CACHE`, by default `~/.cache/keras_ddl`. A damaged file is made anew; a
    folder that cannot be written to costs only the time of decoding again. Beyond 1 GiB in all, the
    files that were not used for longest are removed.

    Args:
        name: of the file, without suffix. It must change whenever the result would.
        make: returns arrays by `conform.KEYS`.
        notify: called with one line for humans.
    """
    folder = os.environ.get("KERAS_DDL_CACHE") or "~/.cache/keras_ddl"
    path = Path(os.path.expanduser(folder)) / f"{name}.npz"
    if path.is_file():
        try:
            arrays = _load(path)
            with contextlib.suppress(OSError):
                os.utime(path)  # used now
            return arrays
        except DataError:
            notify(f"The cache file {path} is damaged: making it anew.")
    arrays = make()
    try:
        _store(path, arrays)
        _evict(path)
    except OSError as error:
        notify(f"The decoded images could not be kept for the next time: {error}.")
    return arrays


def _load(path: Path) -> Arrays:
    arrays = npz.load(path, (*KEYS, "fingerprint"))
    kept = str(arrays.pop("fingerprint"))
    if _fingerprint(arrays) != kept:
        raise DataError(f"{path} is damaged. Expected: {kept}.")
    return arrays


def _store(path: Path, arrays: Arrays) -> None:
    """Writes beside `path` and then renames: under `path` there is a whole file, or none."""
    kept: dict[str, Any] = {**arrays, "fingerprint": np.array(_fingerprint(arrays))}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".tmp", prefix=f"{path.stem}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **kept)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _evict(kept: Path) -> None:
    """Removes the files not used for longest until the rest is small enough, but not `kept`."""
    files = [path for path in kept.parent.glob("*-*") if path.suffix in (".npz", ".tmp")]
    files.sort(key=lambda path: (path == kept, path.stat().st_mtime), reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > MOST_BYTES and path != kept:
            path.unlink(missing_ok=True)


def _fingerprint(arrays: Arrays) -> str:
    return fingerprint(arrays[key] for key in KEYS)
