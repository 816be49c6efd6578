"""Endless batches of one model, and what several that train together draw theirs from."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.harness.data import Examples

Batch = tuple[np.ndarray, np.ndarray]


def batches(examples: Examples, batch_size: int, seed: int) -> Iterator[Batch]:
    """Endless batches; every epoch is a fresh permutation that depends on the seed alone.

    All batches are full: what is left over at an epoch's end is not seen in that epoch.
    """
    count = len(examples.y)
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"`batch_size` must lie between 1 and the {count} training examples. "
            f"Received: batch_size={batch_size}"
        )
    for epoch in itertools.count():
        order = np.random.default_rng([seed, epoch]).permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            chosen = order[start : start + batch_size]
            yield examples.x[chosen], examples.y[chosen]


def pooled(parts: Sequence[tuple[Examples, int]]) -> tuple[Examples, list[np.ndarray]]:
    """Each example once, and the places of every member's own.

    Args:
        parts: of each member the set, and how many of its first examples the member trains on.
    """
    sets = {id(examples): examples for examples, _ in parts}
    ends = itertools.accumulate(len(examples.y) for examples in sets.values())
    begin = dict(zip(sets, [0, *ends], strict=False))
    whole = parts[0][0]
    if len(sets) > 1:
        whole = Examples(
            np.concatenate([examples.x for examples in sets.values()]),
            np.concatenate([examples.y for examples in sets.values()]),
        )
    return whole, [begin[id(examples)] + np.arange(size) for examples, size in parts]
