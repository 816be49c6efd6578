"""Folders of images, `train|test/<class>/*.jpg` or `.png`, decoded once and then cached."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness.data.cache import Arrays, cached
from benchmarks.harness.data.conform import conform
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError, NotHereError
from benchmarks.harness.data.known import Facts

_LOSSY = {".jpg", ".jpeg"}
_SUFFIXES = {".png", *_LOSSY}
_SPLITS = ("train", "test")


def read(facts: Facts, folder: Path, notify: Callable[[str], object]) -> Dataset | None:
    """Reads `folder/train` and `folder/test`; returns `None` if there is no folder `train`."""
    if not (folder / "train").is_dir():
        return None
    for split in _SPLITS:
        _check_classes(facts, folder / split)
    images = {split: _files(folder / split) for split in _SPLITS}
    contents = {path: path.read_bytes() for paths in images.values() for path in paths}

    def decode() -> Arrays:
        notify(f"Decoding {len(contents)} images in {folder}, this once.")
        arrays = {}
        for split, paths in images.items():
            arrays[f"x_{split}"] = _decode(facts, paths, contents)
            labels = [facts.classes.index(path.parent.name) for path in paths]
            arrays[f"y_{split}"] = np.array(labels, np.int64)
        return arrays

    arrays = cached(f"{facts.name}-{_hash(folder, contents)}", decode, notify)
    lossy = any(path.suffix.lower() in _LOSSY for path in contents)
    return conform(
        facts,
        arrays,
        origins={key: str(folder / key[2:]) for key in arrays},
        source=f"image folders in {folder}",
        title=f"{facts.title} (JPEG)" if lossy else None,
    )


def _check_classes(facts: Facts, folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing: images are expected in train/ and in test/.")
    received = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if received != sorted(facts.classes):
        shown = ", ".join(received[:12]) or "none"
        raise NotHereError(f"{folder} holds other classes than {facts.title}: {shown}")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.suffix.lower() in _SUFFIXES)


def _hash(folder: Path, contents: dict[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in contents.items():
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _decode(facts: Facts, paths: list[Path], contents: dict[Path, bytes]) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(f"Reading images needs Pillow: pip install pillow ({error}).") from error

    height, width, channels = facts.shape
    images = np.empty((len(paths), *facts.shape), np.uint8)
    for image, path in zip(images, paths, strict=True):
        try:
            with Image.open(io.BytesIO(contents[path])) as opened:
                size = opened.size
                if size == (width, height):
                    mode = "L" if channels == 1 else "RGB"
                    image[:] = np.asarray(opened.convert(mode)).reshape(facts.shape)
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
            raise DataError(
                f"{path} is truncated or damaged. Expected: a whole image. Received: {error}."
            ) from error
        if size != (width, height):
            raise DataError(
                f"{path} has another size. "
                f"Expected: {width}x{height}. Received: {size[0]}x{size[1]}."
            )
    return images
