"""A group: trials that train together, and their training examples."""

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
    """Trials of one structure (see `Training.structure`), with their examples.

    Args:
        trials: the trials.
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
        arms = [(key_of(trial), trial.params["train_size"]) for trial in trials]
        sizes: dict[Key, int] = {}
        for key, size in arms:
            sizes[key] = max(size, sizes.get(key, 0))
        whole = splits.largest(sizes)
        views = {
            (key, size): replace(whole[key], train=_first(whole[key].train, size))
            for key, size in dict.fromkeys(arms)
        }
        starts = dict(zip(sizes, [0, *itertools.accumulate(sizes.values())], strict=False))
        return cls(
            trials,
            splits=[views[arm] for arm in arms],
            pool=_joined([_first(whole[key].train, size) for key, size in sizes.items()]),
            indices=[starts[key] + np.arange(size) for key, size in arms],
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
    def steps(self) -> int:
        """Updates between two points of the learning curves."""
        return self.params["updates"] // self.params["points"]

    def batches(self, start: int = 0) -> Iterator[Any]:
        """Endless batches, from update `start` on.

        A batch is a pair of examples `(x, y)` for one trial, and indices in `pool` for several.
        Indices have the shape (batch, trials), or (batch,) if all trials share examples and order.

        Every epoch is a new permutation that depends only on the trial's seed. All batches are
        full: the examples that remain at the end of an epoch are left out of it.
        """
        size = self.params["batch_size"] * self.params.get("devices", 1)
        orders = [trial.derive("order") for trial in self.trials]
        if self.alone:
            return self._examples(size, orders, start)
        if self.share_examples and len(set(orders)) == 1:
            one = member_indices(None, batch_size=size, subsets=self.indices[:1], seeds=orders[:1])
            return ((index[:, 0],) for (index,) in itertools.islice(one, start, None))
        drawn = member_indices(None, batch_size=size, subsets=self.indices, seeds=orders)
        return itertools.islice(drawn, start, None)

    def _examples(
        self, size: int, orders: Sequence[int], start: int
    ) -> Iterator[tuple[np.ndarray, ...]]:
        drawn = member_indices(None, batch_size=size, subsets=self.indices, seeds=orders)
        drawn = itertools.islice(drawn, start, None)
        return ((self.pool.x[index[:, 0]], self.pool.y[index[:, 0]]) for (index,) in drawn)


def _first(examples: Examples, count: int) -> Examples:
    return Examples(examples.x[:count], examples.y[:count])


def _joined(sets: Sequence[Examples]) -> Examples:
    if len(sets) == 1:
        return sets[0]  # without a copy
    return Examples(np.concatenate([s.x for s in sets]), np.concatenate([s.y for s in sets]))
