"""Endless batches of one model, or of several that train together."""

import itertools
from collections.abc import Hashable, Iterator, Sequence

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


def batches_together(streams: Sequence[tuple[Hashable, Iterator[Batch]]]) -> Iterator[Batch]:
    """Batches for a population: shared where all members see the same, else one for each.

    Args:
        streams: for each member what tells its stream from others, and the stream.

    Yields:
        Arrays `(batch, ...)`, or `(batch, K, ...)` if the members' streams differ.
    """
    distinct = dict(streams)
    if len(distinct) == 1:
        yield from distinct.popitem()[1]
    place = {name: i for i, name in enumerate(distinct)}
    of_member = [place[name] for name, _ in streams]
    for drawn in zip(*distinct.values(), strict=True):
        x, y = (np.stack([drawn[i][part] for i in of_member], axis=1) for part in (0, 1))
        yield x, y
