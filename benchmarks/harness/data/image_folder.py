"""Reads a known data set from folders of images, `train|test/<class>/*.jpg` or `.png`.

The decoded images are cached.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness.data import images
from benchmarks.harness.data.cache import Arrays, cached
from benchmarks.harness.data.conform import check_counts, conform
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError, NotHereError
from benchmarks.harness.data.known import Facts

_SPLITS = ("train", "test")


def read(facts: Facts, folder: Path, notify: Callable[[str], object]) -> Dataset | None:
    """Reads `folder/train` and `folder/test`; returns `None` if there is no folder `train`."""
    if not (folder / "train").is_dir():
        return None
    for split in _SPLITS:
        _check_classes(facts, folder / split)
    paths = {split: images.files(folder / split) for split in _SPLITS}
    labels = {split: _labels(facts, folder / split, paths[split]) for split in _SPLITS}
    contents = {path: path.read_bytes() for files in paths.values() for path in files}

    def decode() -> Arrays:
        notify(f"Decoding {len(contents)} images in {folder}; later runs use the cache.")
        arrays = {}
        for split, files in paths.items():
            arrays[f"x_{split}"] = _decode(facts, files, contents)
            arrays[f"y_{split}"] = labels[split]
        return arrays

    arrays = cached(f"{facts.name}-{_hash(folder, contents)}", decode, notify)
    return conform(
        facts,
        arrays,
        origins={key: str(folder / key[2:]) for key in arrays},
        source=f"image folders in {folder}",
        lossy=any(path.suffix.lower() in images.LOSSY for path in contents),
    )


def _check_classes(facts: Facts, folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing: images are expected in train/ and in test/.")
    received = images.classes(folder)
    if received != sorted(facts.classes):
        shown = ", ".join(received[:12]) or "none"
        raise NotHereError(f"{folder} holds other classes than {facts.title}: {shown}")


def _labels(facts: Facts, folder: Path, paths: list[Path]) -> np.ndarray:
    """Derive labels from the folders' names, and check their counts before any image is decoded."""
    labels = np.array([facts.classes.index(path.parent.name) for path in paths], np.int64)
    counts = facts.train_counts if folder.name == "train" else facts.test_counts
    check_counts(facts, counts, labels, str(folder))
    return labels


def _hash(folder: Path, contents: dict[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in contents.items():
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _decode(facts: Facts, paths: list[Path], contents: dict[Path, bytes]) -> np.ndarray:
    height, width, channels = facts.shape
    decoded = np.empty((len(paths), *facts.shape), np.uint8)
    for image, path in zip(decoded, paths, strict=True):
        pixels = images.decode(path, contents[path], (width, height))
        image[:] = images.with_channels(path, pixels, channels)
    return decoded
