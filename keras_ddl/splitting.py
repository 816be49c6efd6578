"""Splitting examples into sets that are stratified by class."""

import heapq
from numbers import Real

import numpy as np

__all__ = ["stratified_order", "train_validation_test_split"]


def train_validation_test_split(
    x, y, validation=1 / 3, test=0.0, *, seed=0
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Split examples into a training, a validation and a test set, stratified by class.

    In each set, every class has the same share as among all examples, up to rounding. If the exact
    number of examples of a class is 7.3, the training or test set contains 7 or 8 of them, and the
    validation set 6 to 9. With the same `seed`, the training set of a split with a larger
    `validation` is a subset of that with a smaller one.

    ```python
    train, validation, test = train_validation_test_split(x, y, validation=0.2, test=0.2, seed=1)
    model.fit(*train, validation_data=validation, callbacks=[PrecheltStopping(GL(5))])
    model.evaluate(*test)
    ```

    Args:
        x: array with examples on axis 0.
        y: labels of shape `(n,)` or `(n, 1)`, or one-hot labels of shape `(n, classes)`.
        validation: share in [0, 1), or number, of validation examples. Default 1/3.
        test: share in [0, 1), or number, of test examples. Default 0.
        seed: non-negative integer, the seed of the random order. Default 0.

    Returns:
        Three pairs `(x, y)`: training, validation and test.

    Raises:
        ValueError: if `x` and `y` differ in length, or no training example would be left.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim < 1 or y.ndim not in (1, 2) or len(x) != len(y):
        raise ValueError(
            "`x` and `y` must have the same length, and `y` one label or one row per example. "
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
    single = y.ndim == 1 or y.shape[1] == 1
    labels = y.reshape(len(y)) if single else y.argmax(axis=1)
    order = stratified_order(labels, np.random.default_rng(seed))
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


def stratified_order(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random order of examples in which every prefix is stratified by class.

    Among the first `m` of `n` examples, a class of size `c` occurs `m * c / n` times, rounded up or
    down. It follows that the `j`-th example of a class, counted from 0, has the earliest position
    `floor(j * n / c)` and must come before position `ceil((j + 1) * n / c)`. This is a scheduling
    problem with tasks of unit length, which the rule "earliest deadline first" solves: each
    position takes the available example with the earliest deadline. Ties are broken at random.

    Args:
        labels: labels of shape `(n,)`, integers or any other values that can be sorted.
        generator: the random generator for the order within each class and for breaking ties.

    Returns:
        Indices of shape `(n,)`, int64.
    """
    n = len(labels)
    shuffled = generator.permutation(n)
    members = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, sizes = np.unique(labels[members], return_index=True, return_counts=True)
    rank = np.arange(n) - np.repeat(starts, sizes)
    size = np.repeat(sizes, sizes)
    earliest = rank * n // size
    due = -(-(rank + 1) * n // size)

    by_earliest = np.argsort(earliest, kind="stable")
    columns = (earliest, due, generator.permutation(n), members)
    tasks = list(zip(*(column[by_earliest].tolist() for column in columns), strict=True))
    ready: list[tuple[int, ...]] = []
    order = np.empty(n, np.int64)
    arrived = 0
    for place in range(n):
        while arrived < n and tasks[arrived][0] <= place:
            heapq.heappush(ready, tasks[arrived][1:])
            arrived += 1
        order[place] = heapq.heappop(ready)[-1]
    return order
