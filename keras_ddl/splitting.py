"""Splitting examples into sets, every one of them stratified by class."""

import heapq
from numbers import Real

import numpy as np

__all__ = ["stratified_order", "train_validation_test_split"]


def train_validation_test_split(
    x, y, validation=1 / 3, test=0.0, *, seed=0
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Split examples into a training, a validation and a test set, stratified by class.

    Each set has every class in its share of all examples, but for rounding: a class of which
    a set should hold 7.3 examples has 7 or 8 in it, in the validation set 6 to 9. The training set
    of a split with larger `validation` lies within that of a smaller one.

    ```python
    train, validation, test = train_validation_test_split(x, y, validation=0.2, test=0.2, seed=1)
    model.fit(*train, validation_data=validation, callbacks=[PrecheltStopping(GL(5))])
    model.evaluate(*test)
    ```

    Args:
        x: array of examples on axis 0.
        y: labels of shape `(n,)` or `(n, 1)`, or one-hot labels of shape `(n, classes)`.
        validation: share in [0, 1) or number of validation examples. Default a third.
        test: share in [0, 1) or number of test examples. Default 0.
        seed: any integer from 0 on.

    Returns:
        Three pairs `(x, y)`.

    Raises:
        ValueError: if `x` and `y` differ in length, or no training example would be left.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim < 1 or y.ndim not in (1, 2) or len(x) != len(y):
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
    """A random order of examples in which every beginning is stratified by class.

    In the first `m` of `n` examples, a class of size `c` occurs `m * c / n` times, rounded up or
    down. So the `j`-th example of a class, counted from 0, may come no earlier than place
    `floor(j * n / c)` and must come before place `ceil((j + 1) * n / c)`. At each place the one
    that is due first among those that may come keeps all of these bounds, as it always does for
    tasks of one step (earliest deadline first); ties are broken at random.

    Args:
        labels: labels of shape `(n,)`, integers or any other values that can be sorted.
        generator: draws which example of its class comes when, and the order of ties.

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
