"""Training, validation and test examples, drawn so that every size is a fair sample."""

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
    """Three sets of examples that have no image in common."""

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
    """Splits a dataset, stratified by class.

    The seed gives the training images an order of which every beginning and every end is
    stratified. Training takes its beginning and validation its end, so that a larger training
    set holds the smaller ones, and the validation set is the same for all of them.

    Args:
        dataset: a `Dataset`.
        train_size: how many training images; by default all that validation leaves.
        validation_size: how many validation images, taken from the training images.
        test_size: how many test images; by default all of them, in their own order.
        seed: any integer from 0 on.

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
            f"The test images of {dataset.title} do not suffice. "
            f"Expected: test_size from 0 to {len(dataset.y_test)}. Received: {test_size}."
        )

    from keras_ddl.splitting import stratified_order  # starts Keras: not before it is needed

    # Two streams, so that the test set does not depend on how many training images there are.
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
            f"The training images of {dataset.title} do not suffice. "
            f"Expected: train_size + validation_size of at most {pool}, neither below 0. "
            f"Received: {train_size} + {validation_size}."
        )
