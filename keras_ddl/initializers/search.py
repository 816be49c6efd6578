"""Search for the scale that gives a variance."""

import math


class ScaleSearch:
    """Secant steps in the logarithms of scale and variance, where they are all but linear.

    Args:
        target: the variance that is wanted.
        slope: the expected d log(variance) / d log(scale); 2 for one linear layer.
    """

    def __init__(self, target, slope=2.0):
        self.target = target
        self.slope = slope
        self.scale = 1.0
        self._last: tuple[float, float] | None = None

    def step(self, variance) -> float:
        """The factor to put on the scale, given the positive variance that it has now."""
        here = math.log(self.scale), math.log(variance)
        if self._last is not None and here[0] != self._last[0]:
            slope = (here[1] - self._last[1]) / (here[0] - self._last[0])
            # More scale never means less variance but by noise; a flat stretch is crossed slowly.
            self.slope = min(max(slope, 0.25), 100.0)
        self._last = here
        move = (math.log(self.target) - here[1]) / self.slope
        factor = math.exp(min(max(move, -3.0), 3.0))
        self.scale *= factor
        return factor
