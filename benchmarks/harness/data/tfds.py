"""Reads data sets that TensorFlow Datasets has prepared, and downloads them with it."""

import contextlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from benchmarks.harness.data.conform import conform
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError, NotHereError
from benchmarks.harness.data.known import Facts
from benchmarks.harness.data.probe import why_unreachable


def home() -> Path:
    """Returns the folder in which TensorFlow Datasets keeps what it prepares."""
    return Path(os.path.expanduser(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))


def read(facts: Facts, folder: Path) -> Dataset | None:
    """Reads the newest version prepared in `folder`; returns `None` if there is none.

    Nothing is downloaded, and the library is imported only if there is something to read.
    """
    # TensorFlow Datasets renames a folder to its version only when the preparation is complete.
    versions = [path for path in folder.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", path.name)]
    for path in sorted(versions, key=lambda path: [int(n) for n in path.name.split(".")])[::-1]:
        if _name(path / "dataset_info.json") == facts.name:
            return _read(facts, path)
    return None


def download(facts: Facts, notify: Callable[[str], object]) -> Dataset:
    """Downloads and prepares the dataset; raises `NotHereError` if that cannot be done."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise NotHereError("no download: tensorflow-datasets is not installed")
    # If the host does not answer, TensorFlow Datasets retries for minutes.
    if fault := why_unreachable(facts.url):
        raise NotHereError(f"no download: {fault}")
    notify(f"Downloading {facts.title} to {home()} with TensorFlow Datasets.")
    with _library() as tfds:
        try:
            builder = tfds.builder(facts.name, data_dir=home())
            builder.download_and_prepare()
        except Exception as error:  # the library's errors have no common class
            raise NotHereError(f"no download: {type(error).__name__}: {error}") from error
    return _read(facts, Path(builder.data_dir))


def _name(info: Path) -> str | None:
    try:
        return json.loads(info.read_bytes()).get("name") if info.is_file() else None
    except (FileNotFoundError, ValueError, AttributeError, RecursionError):
        return None


def _read(facts: Facts, path: Path) -> Dataset:
    arrays = {}
    with _library() as tfds:
        try:
            builder = tfds.builder_from_directory(path)
            for split in ("train", "test"):
                batch = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
                arrays[f"x_{split}"], arrays[f"y_{split}"] = batch["image"], batch["label"]
        except Exception as error:  # the library's errors have no common class
            raise DataError(
                f"{path} is damaged or incomplete. "
                f"Expected: {facts.title} as prepared by TensorFlow Datasets. "
                f"Received: {type(error).__name__}: {error}."
            ) from error
    origins = {key: f"{path}: {key[2:]}" for key in arrays}
    return conform(facts, arrays, origins, f"TensorFlow Datasets in {path}")


@contextlib.contextmanager
def _library() -> Iterator[ModuleType]:
    """Imports TensorFlow Datasets and sends what it prints to standard error."""
    # By default TensorFlow reserves all memory of a GPU, and none would be left for training.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with contextlib.redirect_stdout(sys.stderr):
        try:
            import tensorflow_datasets as tfds
        except ImportError as error:
            raise NotHereError(f"tensorflow-datasets cannot be imported: {error}") from error
        tfds.disable_progress_bar()
        yield tfds
