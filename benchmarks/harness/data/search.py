"""Searches for a data set in one place after another, and explains a search without success."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness.data import cifar_archives, idx, image_folder, npz, tfds
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import NotFoundError, NotHereError
from benchmarks.harness.data.known import Facts

Notify = Callable[[str], object]


def find(facts: Facts, data_dir: Path | None, only_there: bool, notify: Notify) -> Dataset:
    """Returns the data set from the first place that has it.

    A damaged file ends the search with a `DataError`, so that the user learns of it.

    Args:
        facts: the data set.
        data_dir: the folder to search first, or None.
        only_there: whether to search `data_dir` only, if it is not None.
        notify: called with one line for humans when something takes long.

    Raises:
        NotFoundError: if no place has the data set.
    """
    reasons = []
    for place, folder in _places(data_dir, only_there):
        if folder is None:
            reasons.append(f"{place} is not set")
        elif not folder.is_dir():
            reasons.append(f"{folder} ({place}) does not exist")
        else:
            mismatches = []
            for dataset in _look(facts, folder, notify):
                if isinstance(dataset, Dataset):
                    return dataset
                mismatches.append(str(dataset))
            reasons.append(f"no {facts.title} in {folder} ({place}; {_holds(folder)})")
            reasons.extend(mismatches)
    if not (data_dir and only_there):
        try:
            return tfds.download(facts, notify)
        except NotHereError as error:
            reasons.append(str(error))
    raise NotFoundError(_explanation(facts, reasons), reasons)


def _places(data_dir: Path | None, only_there: bool) -> Iterator[tuple[str, Path | None]]:
    if data_dir:
        yield "--data-dir", data_dir
        if only_there:
            return
    named = os.environ.get("KERAS_DDL_DATA")
    yield "$KERAS_DDL_DATA", Path(os.path.expanduser(named)) if named else None
    keras = os.environ.get("KERAS_HOME") or "~/.keras"
    yield "Keras' cache", Path(os.path.expanduser(keras)) / "datasets"
    yield "TensorFlow Datasets", tfds.home()


def _look(facts: Facts, folder: Path, notify: Notify) -> Iterator[Dataset | NotHereError]:
    """Yields the data set for each reader that finds it, and errors for files that look like it."""
    readers: list[Callable[[Facts, Path], Dataset | None]] = [
        *(
            (idx.read,)
            if facts.shape[-1] == 1
            else (cifar_archives.read_folder, cifar_archives.read_archive)
        ),
        npz.read,
        partial(image_folder.read, notify=notify),
        tfds.read,
    ]
    # The data set's sub-folders first: the folder itself may hold another data set whose files have
    # the same names.
    for candidate in [*(folder / name for name in facts.folders), folder]:
        if not candidate.is_dir():
            continue
        for read in readers:
            try:
                dataset = read(facts, candidate)
            except NotHereError as error:
                yield error
            else:
                if dataset:
                    yield dataset


def _holds(folder: Path, most: int = 8) -> str:
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"it holds {', '.join(names[:most])}{more}" if names else "it is empty"


def _explanation(facts: Facts, reasons: list[str]) -> str:
    return "\n".join(
        [
            f"{facts.title} was not found:",
            *(f"  - {reason}" for reason in reasons),
            "To get it, do one of these:",
            f"  - put {facts.files}",
            "    into a folder and pass --data-dir FOLDER, or set $KERAS_DDL_DATA to that folder",
            "  - on a machine with internet, install tensorflow-datasets and run this without",
            f"    --data-dir: it downloads {facts.title}, here to {tfds.home()}",
        ]
    )
