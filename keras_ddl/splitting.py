"""Splitting examples into sets, every one of them stratified by class."""

from numbers import Real

import numpy as np


def train_validation_test_split(x, y, validation=1 / 3, test=0.0, *, seed=0):
    """Split examples into a training, a validation and a test set, stratified by class.

    Each class is spread evenly, so its share is the same in all three but for rounding. The
    training set of a split with larger `validation` lies within that of a smaller one.

    ```python
    train, validation, test = train_validation_test_split(x, y, validation=0.2, test=0.2, seed=1)
    model.fit(*train, validation_data=validation, callbacks=[PrecheltStopping(GL(5))])
    model.evaluate(*test)
    ```

    Args:
        x: array of examples on axis 0.
        y: integer labels of shape `(n,)`, or one-hot labels of shape `(n, classes)`.
        validation: share in [0, 1) or number of validation examples. Default a third.
        test: share in [0, 1) or number of test examples. Default 0.
        seed: any integer from 0 on.

    Returns:
        Three pairs `(x, y)`.

    Raises:
        ValueError: if `x` and `y` differ in length, or no training example would be left.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y) or y.ndim not in (1, 2):
        raise ValueError(
            "`x` and `y` must have the same length, `y` one label or one row for each example. "
            f"Received: shapes {x.shape} and {y.shape}"
        )
    sizes = [
        _size(name, share, len(y)) for name, share in (("validation", validation), ("test", test))
    ]
    left = len(y) - sum(sizes)
    if left < 1:
        raise ValueError(
            "`validation` and `test` must leave at least one training example. "
            f"Received: validation={validation!r}, test={test!r} of {len(y)} examples"
        )
    labels = y if y.ndim == 1 else y.argmax(axis=1)
    order = _stratified_order(labels, np.random.default_rng(seed))
    parts = np.split(order, [left, left + sizes[0]])
    return tuple((x[part], y[part]) for part in parts)


def _size(name, share, count):
    if isinstance(share, Real) and not isinstance(share, bool):
        if isinstance(share, int | np.integer) and share >= 0:
            return int(share)
        if 0 <= float(share) < 1:
            return round(float(share) * count)
    raise ValueError(
        f"`{name}` must be a share in [0, 1) or a number of examples. Received: {name}={share!r}"
    )


def _stratified_order(labels, generator):
    """A random order in which every class is spread evenly from beginning to end."""
    shuffled = generator.permutation(len(labels))
    members = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, sizes = np.unique(labels[members], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(starts, sizes)
    # The j-th of c members belongs at (j + u) / c of the way, u random but one for all the class.
    place = (rank + np.repeat(generator.random(len(sizes)), sizes)) / np.repeat(sizes, sizes)
    return members[np.argsort(place, kind="stable")]
