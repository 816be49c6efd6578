"""Reads NumPy's npz archives, such as Keras' `mnist.npz`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness.data import idx
from benchmarks.harness.data.checksums import verify
from benchmarks.harness.data.conform import KEYS, conform
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError
from benchmarks.harness.data.known import Facts

_MOST_BYTES = 2**32  # of unpacked arrays


def read(facts: Facts, folder: Path) -> Dataset | None:
    """Reads `<name>.npz` in `folder`; returns `None` if it is not there."""
    for name in (facts.name, facts.name.replace("_", "-")):
        path = folder / f"{name}.npz"
        if path.is_file():
            origins = {key: f"{path}: {key}" for key in KEYS}
            dataset = conform(facts, load(path, KEYS), origins, f"npz file {path}")
            _verify(facts, dataset, origins)  # its error names the array that differs
            return dataset
    return None


def load(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns the arrays named `keys`. Archives with pickled objects are rejected."""
    try:
        # Opened here, because NumPy does not close a file that is not an archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            size = sum(member.file_size for member in archive.zip.infolist())
            if size > _MOST_BYTES:
                raise ValueError(f"{size} bytes when unpacked; at most {_MOST_BYTES} are allowed")
            return {key: archive[key] for key in keys}
    except Exception as error:  # a damaged archive can make NumPy raise anything
        raise DataError(
            f"{path} is truncated or damaged. Expected: an npz file with arrays {', '.join(keys)}. "
            f"Received: {error}."
        ) from error


def _verify(facts: Facts, dataset: Dataset, origins: dict[str, str]) -> None:
    """Packs the arrays as IDX files, and compares these with the published checksums."""
    for key, name in idx.NAMES.items():
        if name in facts.md5:
            array = getattr(dataset, key)
            content = idx.pack(array[..., 0] if key.startswith("x") else array)
            verify(facts, origins[key], {name: content})
