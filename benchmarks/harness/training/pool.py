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
    """Every set once, as far as a member trains on it, and the places of each member's examples.

    Args:
        parts: of each member the set, and how many of its first examples the member trains on.
    """
    sizes: dict[int, int] = {}
    for examples, size in parts:
        sizes[id(examples)] = max(size, sizes.get(id(examples), 0))
    begin = dict(zip(sizes, [0, *itertools.accumulate(sizes.values())], strict=False))
    sets = {id(examples): examples for examples, _ in parts}.values()
    used = [Examples(s.x[: sizes[id(s)]], s.y[: sizes[id(s)]]) for s in sets]
    whole = used[0]
    if len(used) > 1:
        whole = Examples(np.concatenate([s.x for s in used]), np.concatenate([s.y for s in used]))
    return whole, [begin[id(examples)] + np.arange(size) for examples, size in parts]
