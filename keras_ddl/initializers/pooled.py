"""Mean and variance of several tensors taken together."""

import math
from typing import Any

from keras import ops


class Pooled:
    """Mean and variance over all entries of the tensors added, in float32 at least.

    Each tensor is centred on its own mean first: the mean of squares less the square of the mean
    would lose the variance of signals far from zero.
    """

    def __init__(self):
        self.count = 0
        self.mean = 0.0
        self.variance = math.nan

    def add(self, tensor) -> None:
        x = wide(tensor)
        count = math.prod(x.shape)
        mean = number(ops.mean(x))
        variance = number(ops.mean(ops.square(x - mean)))
        if not self.count:
            self.count, self.mean, self.variance = count, mean, variance
            return
        total = self.count + count
        share = count / total
        between = share * (1 - share) * (mean - self.mean) ** 2
        self.variance = (1 - share) * self.variance + share * variance + between
        self.mean += share * (mean - self.mean)
        self.count = total

    @property
    def flat(self) -> bool:
        """Whether all entries are equal, but for rounding."""
        return self.variance <= 1e-10 * self.mean**2 + 1e-30


def wide(tensor) -> Any:
    """A tensor in float32, if it is in half precision."""
    narrow = ops.dtype(tensor) in {"float16", "bfloat16"}
    return ops.cast(tensor, "float32") if narrow else tensor


def number(tensor) -> float:
    """A scalar tensor as a float."""
    return float(ops.convert_to_numpy(tensor))
