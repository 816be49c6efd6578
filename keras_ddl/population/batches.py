"""Batches in which every member has its own examples."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np


def member_batches(
    x: Any, y: Any, *, batch_size: int, subsets: Any = None, seeds: Any = None, members: Any = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches of K members that differ in their training subset or in its order.

    Each member gets its subset in a new random order in each epoch. The order depends only on the
    member's seed and the size of its subset. All batches are full: the remaining examples at the
    end of a member's epoch are left out of that epoch.

    Args:
        x: array of examples `(n, ...)`.
        y: array of targets `(n, ...)`.
        batch_size: number of examples of each member in a batch.
        subsets: sequence of K index arrays into `x`. Default: all examples for every member.
        seeds: sequence of K integers. Members with equal seeds and subsets of equal size get their
            examples in the same order. Default: 0 for every member.
        members: K, needed only if neither `subsets` nor `seeds` is given.

    Yields:
        Pairs of arrays `(batch_size, K, ...)` for `Population.fit` with `steps_per_epoch`.

    Raises:
        ValueError: if the number of members is not clear, or a subset is smaller than a batch.

    Example:

    ```python
    sizes = [100, 500, 1000]
    batches = member_batches(x, y, batch_size=50, subsets=[range(size) for size in sizes])
    population.fit(batches, steps_per_epoch=100, epochs=10)
    ```
    """
    x, y = np.asarray(x), np.asarray(y)
    indices = member_indices(
        len(x), batch_size=batch_size, subsets=subsets, seeds=seeds, members=members
    )
    return ((x[index], y[index]) for (index,) in indices)


def member_indices(
    count: Any,
    *,
    batch_size: int,
    subsets: Any = None,
    seeds: Any = None,
    members: int | None = None,
) -> Iterator[tuple[np.ndarray]]:
    """Like `member_batches`, but yields only the indices of the examples.

    `Population(..., data=(x, y))` takes them; its data stay on the device.

    Args:
        count: number of examples. It may be None if `subsets` is given.
        batch_size, subsets, seeds, members: as in `member_batches`.

    Yields:
        Tuples of one integer array `(batch_size, K)`.

    Example:

    ```python
    population = Population(build, members, data=(x, y))
    indices = member_indices(len(x), batch_size=50, seeds=range(len(members)))
    population.fit(indices, steps_per_epoch=100, epochs=10)
    ```
    """
    counts = {len(given) for given in (subsets, seeds) if given is not None}
    if members is not None:
        counts.add(members)
    if len(counts) != 1:
        raise ValueError(
            "`subsets`, `seeds` and `members` must agree on the number of members. Received: "
            f"{sorted(counts) if counts else 'none of them'}"
        )
    (members,) = counts
    subsets = [np.arange(count)] * members if subsets is None else [*map(np.asarray, subsets)]
    seeds = [0] * members if seeds is None else seeds
    for member, subset in enumerate(subsets):
        if not 1 <= batch_size <= len(subset):
            raise ValueError(
                f"`batch_size` must lie between 1 and the {len(subset)} examples of member "
                f"{member}. Received: batch_size={batch_size}"
            )
    orders = [_order(subset, batch_size, seed) for subset, seed in zip(subsets, seeds, strict=True)]
    return ((np.stack(chosen, axis=1).astype("int32"),) for chosen in zip(*orders, strict=True))


def _order(subset, batch_size, seed):
    for epoch in itertools.count():
        order = subset[np.random.default_rng([seed, epoch]).permutation(len(subset))]
        for start in range(0, len(order) - batch_size + 1, batch_size):
            yield order[start : start + batch_size]
