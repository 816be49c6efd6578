"""Draws the splits of a data set and reuses them."""

from collections.abc import Mapping

from benchmarks.harness.data import Dataset, Split, split
from benchmarks.harness.spec import Trial

Key = tuple[int, int]  # validation size and seed


def key_of(trial: Trial) -> Key:
    """The values that decide a trial's split, except the number of training examples."""
    return trial.params["validation_size"], trial.derive("split")


class Splits:
    """Draws splits and keeps them for the next trials, because arms of a repetition share a split.

    Args:
        dataset: the data set to split.
    """

    def __init__(self, dataset: Dataset):
        self.dataset = dataset
        self._kept: dict[Key, Split] = {}

    def largest(self, sizes: Mapping[Key, int]) -> dict[Key, Split]:
        """Splits by key. Smaller training sets are the first examples of the larger ones.

        Args:
            sizes: by key, the smallest number of training examples that the split must have.
                Splits with other keys are discarded.
        """
        self._kept = {
            key: self._kept[key]
            if key in self._kept and len(self._kept[key].train.y) >= size
            else split(self.dataset, train_size=size, validation_size=key[0], seed=key[1])
            for key, size in sizes.items()
        }
        return self._kept
