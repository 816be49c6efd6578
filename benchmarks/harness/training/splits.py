"""The splits of one data set, each drawn once."""

from collections.abc import Mapping

from benchmarks.harness.data import Dataset, Split, split
from benchmarks.harness.spec import Trial

Key = tuple[int, int]  # validation size and seed


def key_of(trial: Trial) -> Key:
    """What decides a trial's split, except for the number of training examples."""
    return trial.params["validation_size"], trial.derive("split")


class Splits:
    """Draws splits and keeps them for the next trials, as the arms of a repetition share one.

    Args:
        dataset: what is split.
    """

    def __init__(self, dataset: Dataset):
        self.dataset = dataset
        self._kept: dict[Key, Split] = {}

    def largest(self, sizes: Mapping[Key, int]) -> dict[Key, Split]:
        """Splits with at least so many training examples; every smaller set is a beginning.

        Args:
            sizes: by key, the number of training examples. Other splits are forgotten.
        """
        self._kept = {
            key: self._kept[key]
            if key in self._kept and len(self._kept[key].train.y) >= size
            else split(self.dataset, train_size=size, validation_size=key[0], seed=key[1])
            for key, size in sizes.items()
        }
        return self._kept
