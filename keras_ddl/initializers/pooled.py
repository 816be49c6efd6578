"""The mean and variance over several tensors together."""

import math
from typing import Any

from keras import ops


class Pooled:
    """Mean and variance over all entries of the added tensors, in float32 or better.

    The variance of each tensor is computed after subtracting its mean. The formula "mean of squares
    minus square of the mean" would be inaccurate for signals with a large mean.
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
        """Whether all entries are equal up to rounding."""
        return self.variance <= 1e-10 * self.mean**2 + 1e-30


def wide(tensor) -> Any:
    """The tensor, cast to float32 if it has half precision."""
    narrow = ops.dtype(tensor) in {"float16", "bfloat16"}
    return ops.cast(tensor, "float32") if narrow else tensor


def number(tensor) -> float:
    """A scalar tensor as a float."""
    return float(ops.convert_to_numpy(tensor))
