"""`load` returns a data set by its name or path."""

import difflib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness.data import digits, own
from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError, NotFoundError
from benchmarks.harness.data.known import FACTS
from benchmarks.harness.data.search import find

NAMES = (*FACTS, "digits")


def load(
    name: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    notify: Callable[[str], object] = print,
    prefer: Sequence[str] = ("mnist",),
) -> Dataset:
    """Loads a data set from the first place that has it.

    The places are, in this order: `data_dir`, `$KERAS_DDL_DATA`, Keras' cache, and the folder of
    TensorFlow Datasets. In each of them the sub-folders with the data set's usual names are
    searched, too. If no place has it, TensorFlow Datasets downloads it if the host answers.

    Args:
        name: one of `NAMES`; or `"auto"`: the first data set of `prefer` that is available, else
            digits; or the path of the user's data (see `own.read`).
        data_dir: the folder to search first. A data set requested by name is searched for nowhere
            else; for `"auto"` the search continues in the other places.
        notify: called with one line for humans when data are downloaded or decoded, and when one
            data set is used instead of another.
        prefer: names of data sets in order of preference. Default: MNIST.

    Returns:
        A `Dataset`.

    Raises:
        DataError: if the name is unknown, `data_dir` does not exist, no place has the data set, or
            its files are damaged.

    Example:

    >>> dataset = load("digits")
    >>> dataset.x_train.shape, dataset.x_test.shape
    ((1437, 8, 8, 1), (360, 8, 8, 1))
    """
    if name not in ("auto", *NAMES):
        if not own.is_path(name):
            raise DataError(_unknown(name))
        path = Path(os.path.expanduser(name))
        try:
            return own.read(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
    folder = None if data_dir is None else Path(os.path.expanduser(data_dir))
    if folder and not folder.is_dir():
        raise DataError(f"--data-dir is not a folder. Received: {folder}.")
    if name == "digits":
        return digits.read()
    wanted = prefer if name == "auto" else (name,)
    for one, next_best in zip(wanted, (*wanted[1:], "digits"), strict=True):
        title = FACTS[one].title
        try:
            return find(FACTS[one], folder, name != "auto", notify)
        except NotFoundError as error:
            if name != "auto":
                raise
            stand_in = FACTS[next_best].title if next_best in FACTS else next_best
            reasons = "; ".join(error.reasons)
            notify(f"{title} was not found, so {stand_in} is used instead: {reasons}.")
        except OSError as error:
            raise DataError(f"{one} cannot be read: {error}.") from error
    return digits.read()


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.5)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"Unknown dataset.{suggestion} Expected: auto, {', '.join(NAMES)}. Received: {name!r}."
