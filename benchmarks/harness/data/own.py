"""Reads labelled images that the user supplies, with any classes, sizes and numbers."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.harness.data import idx, images, npz
from benchmarks.harness.data.conform import KEYS
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError

FORMS = (
    "an .npz file with x_train, y_train, x_test and y_test, or a folder with train/<class>/* and "
    "test/<class>/* (PNG or JPEG), with four IDX files named as MNIST's are (any prefix, raw or "
    ".gz), or with four files named *train-imgs.npz, *train-labels.npz and the same of test"
)
_IDX_PARTS = {
    "x_train": r"train-images[-.]idx3-ubyte",
    "y_train": r"train-labels[-.]idx1-ubyte",
    "x_test": r"(?:t10k|test)-images[-.]idx3-ubyte",
    "y_test": r"(?:t10k|test)-labels[-.]idx1-ubyte",
}
_NPZ_PARTS = {
    "x_train": r"train-imgs",
    "y_train": r"train-labels",
    "x_test": r"test-imgs",
    "y_test": r"test-labels",
}
_MOST_BYTES = 2**33  # of decoded images


def is_path(name: str) -> bool:
    """Whether the value of `--dataset` is a path rather than the name of a known data set."""
    return "/" in name or "\\" in name or name.startswith((".", "~")) or Path(name).exists()


def read(path: Path) -> Dataset:
    """Reads a file or a folder in one of the forms that `FORMS` lists.

    The title is the name of the file or folder, followed by "(own data)". The distinct labels are
    renumbered from 0 in increasing order, so they may be any integers.

    Raises:
        DataError: if the path has none of the forms, or is damaged.
    """
    folder, prefix = (path, None) if path.is_dir() else (path.parent, _prefix(path.name))
    if path.is_file() and path.suffix == ".npz" and prefix is None:
        arrays, source = npz.load(path, KEYS), f"npz file {path}"
    elif not path.is_dir() and (not path.is_file() or prefix is None):
        raise DataError(f"--dataset is no data set: {path}. Expected: {FORMS}.")
    elif path.is_dir() and (path / "train").is_dir():
        arrays, source = _image_folders(path), f"image folders in {path}"
    elif files := _parts(folder, prefix, _IDX_PARTS, (".gz", "")):
        arrays = {key: _idx(file, key) for key, file in files.items()}
        source = f"IDX files in {path}"
    elif files := _parts(folder, prefix, _NPZ_PARTS, (".npz",)):
        arrays = {key: npz.load(file, ["arr_0"])["arr_0"] for key, file in files.items()}
        source = f"npz files in {path}"
    else:
        raise DataError(f"--dataset is no data set: {path}. Expected: {FORMS}.")
    return _dataset(path, arrays, source)


def _dataset(path: Path, arrays: Mapping[str, np.ndarray], source: str) -> Dataset:
    checked, maxima = {}, []
    names = np.unique(np.concatenate([_labels(path, arrays[f"y_{s}"]) for s in ("train", "test")]))
    for split in ("train", "test"):
        x, maximum = _images(path, arrays[f"x_{split}"])
        y = _labels(path, arrays[f"y_{split}"])
        if len(x) != len(y) or not len(x):
            raise DataError(
                f"{path} must hold as many labels as images, and some of each. "
                f"Received: {len(x)} {split} images, {len(y)} labels."
            )
        checked[f"x_{split}"], checked[f"y_{split}"] = x, np.searchsorted(names, y)
        maxima.append(maximum)
    shapes = {checked[f"x_{split}"].shape[1:] for split in ("train", "test")}
    if len(shapes) > 1 or len({*maxima}) > 1:
        raise DataError(f"{path} must hold images of one size and type. Received: {shapes}.")
    if len(np.unique(checked["y_train"])) < max(2, len(names)):
        raise DataError(
            f"{path} must hold training images of two classes at least, and of every class that "
            f"is tested. Received: {len(np.unique(checked['y_train']))} of {len(names)} classes."
        )
    return Dataset(
        name="own", title=f"{_title(path)} (own data)", maximum=maxima[0], source=source, **checked
    )


def _title(path: Path) -> str:
    """The last part of the path, without characters that break a table or a file name."""
    stem = re.sub(r"(\.npz|\.gz)$", "", path.resolve().name)
    return " ".join(re.sub(r"[^\w .+-]", " ", stem).split()) or "images"


def _labels(path: Path, y: np.ndarray) -> np.ndarray:
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise DataError(
            f"{path} must hold labels as integers of shape (n,). "
            f"Received: {y.dtype} of shape {y.shape}."
        )
    return y.astype(np.int64)


def _images(path: Path, x: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the images with a channel axis, and the largest possible pixel value."""
    x = x[..., np.newaxis] if x.ndim == 3 else x
    if x.ndim == 4 and x.size:
        if x.dtype in (np.uint8, np.uint16):
            return x, int(np.iinfo(x.dtype).max)
        if np.issubdtype(x.dtype, np.floating) and x.min() >= 0 and x.max() <= 1:
            return x.astype(np.float32), 1
    raise DataError(
        f"{path} must hold images of shape (n, height, width) or (n, height, width, channels), as "
        "unsigned bytes, unsigned 16-bit integers, or numbers from 0 to 1. "
        f"Received: {x.dtype} of shape {x.shape}."
    )


def _image_folders(folder: Path) -> dict[str, np.ndarray]:
    if not (folder / "test").is_dir():
        raise DataError(
            f"{folder / 'test'} is missing: images are expected in train/ and in test/."
        )
    names = sorted({*images.classes(folder / "train"), *images.classes(folder / "test")})
    paths = {split: images.files(folder / split) for split in ("train", "test")}
    if not all(paths.values()):
        raise DataError(f"{folder} holds no images in train/<class>/ or in test/<class>/.")
    first = paths["train"][0]
    shape = images.decode(first, first.read_bytes()).shape
    if sum(map(len, paths.values())) * shape[0] * shape[1] * 3 > _MOST_BYTES:
        raise DataError(f"{folder} holds too many pixels. Expected: at most {_MOST_BYTES} bytes.")
    size = shape[1], shape[0]
    decoded = {
        split: [images.decode(path, path.read_bytes(), size) for path in files]
        for split, files in paths.items()
    }
    channels = max(image.shape[-1] for of_split in decoded.values() for image in of_split)
    arrays = {}
    for split, files in paths.items():
        pairs = zip(files, decoded[split], strict=True)
        arrays[f"x_{split}"] = np.stack([images.with_channels(p, im, channels) for p, im in pairs])
        arrays[f"y_{split}"] = np.array([names.index(path.parent.name) for path in files])
    return arrays


def _idx(path: Path, key: str) -> np.ndarray:
    content = path.read_bytes()
    unpacked = idx.unpack(content, path) if path.suffix == ".gz" else content
    return idx.parse(unpacked, 3 if key.startswith("x") else 1, str(path))


def _prefix(name: str) -> str | None:
    """The characters before the known part of a file's name; None if the name has no known part."""
    for part in (*_IDX_PARTS.values(), *_NPZ_PARTS.values()):
        if match := re.fullmatch(rf"(.*?){part}(?:\.gz|\.npz)?", name):
            return match[1]
    return None


def _parts(
    folder: Path, prefix: str | None, parts: Mapping[str, str], suffixes: tuple[str, ...]
) -> dict[str, Path] | None:
    """Return the paths of the four files by key; None if no file name matches `parts`.

    Raises:
        DataError: if the folder holds several sets of files, or an incomplete one.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    by_prefix: dict[str, dict[str, Path]] = {}
    for suffix in suffixes:
        for key, part in parts.items():
            for name in names:
                match = re.fullmatch(rf"(.*?){part}{re.escape(suffix)}", name)
                if match and not name.startswith(".") and prefix in (None, match[1]):
                    by_prefix.setdefault(match[1], {}).setdefault(key, folder / name)
    if not by_prefix:
        return None
    whole = [files for files in by_prefix.values() if len(files) == len(parts)]
    if len(whole) != 1:
        sets = ", ".join(f"{name or 'no prefix'} ({len(f)} files)" for name, f in by_prefix.items())
        raise DataError(
            f"{folder} must hold one data set of four files. If it holds several sets, pass the "
            f"path of one file of the set to --dataset. Received: {sets}."
        )
    return whole[0]
