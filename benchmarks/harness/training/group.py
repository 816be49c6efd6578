"""A group: trials that train together, and their training examples.

A smaller training set of a repetition is the beginning of a larger one (`splits.Splits`), so that
sizes are compared on nested sets. The group stores the largest one of each split once.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.harness.data import Examples, Split
from benchmarks.harness.spec import Params, Trial
from benchmarks.harness.training.splits import Key, Splits, key_of
from keras_ddl.population import member_indices


@dataclass(frozen=True, eq=False)
class Group:
    """Trials that train together, with their examples.

    Args:
        trials: the trials. If there are several, they agree in what a population must share
            (`Training.structure`).
        splits: the split of each trial. Trials with equal splits share one object.
        pool: the training examples of all trials. Those that several trials use are stored once.
        indices: for each trial, the indices in `pool` of its training examples.
    """

    trials: Sequence[Trial]
    splits: Sequence[Split]
    pool: Examples
    indices: Sequence[np.ndarray]

    @classmethod
    def make(cls, trials: Sequence[Trial], splits: Splits) -> "Group":
        """Draw the trials' splits and pool their training examples."""
        wanted = [(key_of(trial), trial.params["train_size"]) for trial in trials]
        largest: dict[Key, int] = {}  # by split, the size of its largest training set
        for key, size in wanted:
            largest[key] = max(size, largest.get(key, 0))
        drawn = splits.largest(largest)

        # Trials with equal splits share one object, by which `share_examples` recognizes them.
        shared = {
            (key, size): replace(drawn[key], train=_first(drawn[key].train, size))
            for key, size in dict.fromkeys(wanted)
        }

        # The pool holds the largest training sets one after another, each from its `start`.
        ends = itertools.accumulate(largest.values())
        starts = {key: end - size for (key, size), end in zip(largest.items(), ends, strict=True)}
        return cls(
            trials,
            splits=[shared[key, size] for key, size in wanted],
            pool=_joined([_first(drawn[key].train, size) for key, size in largest.items()]),
            indices=[starts[key] + np.arange(size) for key, size in wanted],
        )

    @property
    def params(self) -> Params:
        """The parameters of the first trial. Read only those that all trials share."""
        return self.trials[0].params

    @property
    def alone(self) -> bool:
        """Whether the group has only one trial."""
        return len(self.trials) == 1

    @property
    def share_examples(self) -> bool:
        """Whether all trials train on the same examples."""
        return all(split.train is self.splits[0].train for split in self.splits)

    @property
    def updates_per_point(self) -> int:
        """Updates between two points of the learning curves."""
        return self.params["updates"] // self.params["points"]

    def batches(self, start: int = 0) -> Iterator[Any]:
        """Endless batches, from update `start` on.

        A batch is a pair of examples `(x, y)` for one trial, and indices in `pool` for several.
        Indices have the shape (batch, trials). They have the shape (batch,) if all trials share
        examples and order, so that a population reads each batch from the pool once for all.

        Every epoch is a new permutation that depends only on the trial's seed. All batches are
        full: the examples that remain at the end of an epoch are left out of it.
        """
        # `batch_size` is per device.
        size = self.params["batch_size"] * self.params.get("devices", 1)
        seeds = [trial.derive("order") for trial in self.trials]
        if self.alone:
            drawn = self._indices(size, seeds, start)
            return ((self.pool.x[index[:, 0]], self.pool.y[index[:, 0]]) for (index,) in drawn)
        if self.share_examples and len(set(seeds)) == 1:
            return ((index[:, 0],) for (index,) in self._indices(size, seeds[:1], start))
        return self._indices(size, seeds, start)

    def _indices(self, size: int, seeds: Sequence[int], start: int) -> Iterator[tuple[np.ndarray]]:
        """Endless tuples of one array (size, len(seeds)), for the first `len(seeds)` trials."""
        subsets = self.indices[: len(seeds)]
        drawn = member_indices(None, batch_size=size, subsets=subsets, seeds=seeds)
        return itertools.islice(drawn, start, None)


def _first(examples: Examples, count: int) -> Examples:
    return Examples(examples.x[:count], examples.y[:count])


def _joined(sets: Sequence[Examples]) -> Examples:
    if len(sets) == 1:
        return sets[0]  # without a copy
    return Examples(np.concatenate([s.x for s in sets]), np.concatenate([s.y for s in sets]))
