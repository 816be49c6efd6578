"""The data layer of the benchmarks: loads a data set by name and checks its content.

>>> from benchmarks.harness import data
>>> digits = data.load("digits")
>>> split = data.split(digits, train_size=1000, validation_size=200, seed=0)
>>> split.train.x.shape, split.validation.x.shape, split.test.x.shape
((1000, 8, 8, 1), (200, 8, 8, 1), (360, 8, 8, 1))
"""

from benchmarks.harness.data.dataset import Dataset
from benchmarks.harness.data.errors import DataError
from benchmarks.harness.data.loading import NAMES, load
from benchmarks.harness.data.splitting import Examples, Split, check_sizes, split

__all__ = [
    "NAMES",
    "DataError",
    "Dataset",
    "Examples",
    "Split",
    "check_sizes",
    "load",
    "split",
]
