"""Checks the arrays that were read from files, and makes a `Dataset` of them."""

from collections.abc import Mapping

import numpy as np

from benchmarks.harness.data.dataset import Dataset, content_hash
from benchmarks.harness.data.errors import DataError
from benchmarks.harness.data.known import Facts

KEYS = ("x_train", "y_train", "x_test", "y_test")


def conform(
    facts: Facts,
    arrays: Mapping[str, np.ndarray],
    origins: Mapping[str, str],
    source: str,
    *,
    verified: bool = False,
    lossy: bool = False,
) -> Dataset:
    """Checks types, shapes, lengths and labels, and converts the arrays to the common form.

    Args:
        facts: the data set that the arrays should hold.
        arrays: by the names in `KEYS`. Grey images may lack the channel axis, and labels may be a
            column of shape `(n, 1)`.
        origins: for each key, the file (or part of a file) that its array came from, for messages.
        source: where all arrays came from, for humans.
        verified: whether checksums confirm the files. If not, the content of the arrays is compared
            with the published content. If that does not confirm them either, the title says
            "(unverified)".
        lossy: whether images were decoded from JPEG.

    Raises:
        DataError: if an array does not fit the data set.
    """
    checked = {}
    for split, counts in (("train", facts.train_counts), ("test", facts.test_counts)):
        x, y = f"x_{split}", f"y_{split}"
        checked[x] = _images(facts, arrays[x], origins[x])
        checked[y] = _labels(counts, arrays[y], origins[y])
        if len(checked[x]) != len(checked[y]):
            raise DataError(
                f"{origins[y]} does not fit {origins[x]}. "
                f"Expected: {len(checked[x])} labels, one for each image. "
                f"Received: {len(checked[y])}."
            )
        check_counts(facts, counts, checked[y], origins[y])
    known = facts.lossy_contents if lossy else facts.contents
    verified = verified or (bool(known) and content_hash(checked) in known)
    title = facts.title + " (JPEG)" * lossy + " (unverified)" * (not verified)
    return Dataset(name=facts.name, title=title, maximum=255, source=source, **checked)


def check_counts(facts: Facts, counts: tuple[int, ...], y: np.ndarray, origin: str) -> None:
    """Raises `DataError` unless each class has the published number of labels."""
    received = tuple(np.bincount(y, minlength=len(counts)).tolist())
    if received != counts:
        raise DataError(
            f"{origin} holds another data set than {facts.title}, or only a part of it. "
            f"Expected: {sum(counts)} labels, by class {counts}. "
            f"Received: {len(y)}, by class {received}."
        )


def _images(facts: Facts, x: np.ndarray, origin: str) -> np.ndarray:
    if x.ndim == 3 and facts.shape[-1] == 1:
        x = x[..., np.newaxis]
    if x.dtype != np.uint8 or x.shape[1:] != facts.shape:
        height, width, channels = facts.shape
        raise DataError(
            f"{origin} does not hold {facts.title}'s images. "
            f"Expected: uint8 of shape (n, {height}, {width}, {channels}). "
            f"Received: {x.dtype} of shape {x.shape}."
        )
    return x


def _labels(counts: tuple[int, ...], y: np.ndarray, origin: str) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise DataError(
            f"{origin} does not hold labels. Expected: integers of shape (n,). "
            f"Received: {y.dtype} of shape {y.shape}."
        )
    if len(y) and (y.min() < 0 or y.max() >= len(counts)):
        raise DataError(
            f"{origin} holds labels out of range. Expected: 0 to {len(counts) - 1}. "
            f"Received: {y.min()} to {y.max()}."
        )
    return y.astype(np.int64)
