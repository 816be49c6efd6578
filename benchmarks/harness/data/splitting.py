"""Splits a data set into training, validation and test examples, stratified by class."""

from dataclasses import dataclass

import numpy as np

from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError


@dataclass(frozen=True, eq=False)
class Examples:
    """Images and labels, ready for training.

    Args:
        x: images, `float32` in `[0, 1]`, of shape `(n, height, width, channels)`.
        y: labels, `int64` of shape `(n,)`.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Split:
    """Training, validation and test examples; no image is in two of them."""

    train: Examples
    validation: Examples
    test: Examples


def split(
    dataset: Dataset,
    *,
    train_size: int | None = None,
    validation_size: int = 0,
    test_size: int | None = None,
    seed: int,
) -> Split:
    """Splits a data set, stratified by class.

    The seed decides an order of the training images in which the first n images and the last n
    images are stratified for every n. Training takes the first images of this order and validation
    the last ones. A larger training set therefore contains the smaller ones, and the validation set
    is the same for all sizes.

    Args:
        dataset: a `Dataset`.
        train_size: the number of training images; by default all that validation leaves.
        validation_size: the number of validation images, taken from the training images.
        test_size: the number of test images; by default all of them, in the published order.
        seed: a non-negative integer.

    Returns:
        A `Split`.

    Raises:
        DataError: if the sizes do not fit.
    """
    pool = len(dataset.y_train)
    if train_size is None:
        train_size = max(pool - validation_size, 0)
    check_sizes(dataset, train_size, validation_size)
    if test_size is not None and not 0 <= test_size <= len(dataset.y_test):
        raise DataError(
            f"{dataset.title} has too few test images. "
            f"Expected: test_size from 0 to {len(dataset.y_test)}. Received: {test_size}."
        )

    from keras_ddl.splitting import stratified_order  # this imports Keras, so it is done late

    # Two random streams, so that the choice of test images does not depend on the training images.
    of_train, of_test = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    order = stratified_order(dataset.y_train, of_train)
    test: np.ndarray | slice = slice(None)
    if test_size is not None:
        test = stratified_order(dataset.y_test, of_test)[:test_size]

    def examples(x: np.ndarray, y: np.ndarray, chosen: np.ndarray | slice) -> Examples:
        return Examples(np.divide(x[chosen], dataset.maximum, dtype=np.float32), y[chosen])

    return Split(
        train=examples(dataset.x_train, dataset.y_train, order[:train_size]),
        validation=examples(dataset.x_train, dataset.y_train, order[pool - validation_size :]),
        test=examples(dataset.x_test, dataset.y_test, test),
    )


def check_sizes(dataset: Dataset, train_size: int, validation_size: int) -> None:
    """Raises `DataError` if the dataset has too few training images for both sets."""
    pool = len(dataset.y_train)
    if min(train_size, validation_size) < 0 or train_size + validation_size > pool:
        raise DataError(
            f"{dataset.title} has too few training images. "
            f"Expected: train_size + validation_size of at most {pool}, neither below 0. "
            f"Received: {train_size} + {validation_size}."
        )
