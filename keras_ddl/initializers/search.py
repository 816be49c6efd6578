"""Search for the scale at which a signal has the target variance."""

import math


class ScaleSearch:
    """Secant steps in log(scale) and log(variance), whose relation is nearly linear.

    Args:
        target: the target variance.
        slope: the expected d log(variance) / d log(scale); 2 for one linear layer.
    """

    def __init__(self, target, slope=2.0):
        self.target = target
        self.slope = slope
        self.scale = 1.0
        self._last: tuple[float, float] | None = None

    def step(self, variance) -> float:
        """The next factor by which to multiply the scale.

        Args:
            variance: the measured variance at the current scale, positive.
        """
        here = math.log(self.scale), math.log(variance)
        if self._last is not None and here[0] != self._last[0]:
            slope = (here[1] - self._last[1]) / (here[0] - self._last[0])
            # The variance grows with the scale, except for noise, so the slope is positive. The
            # lower bound limits the step where the curve is flat.
            self.slope = min(max(slope, 0.25), 100.0)
        self._last = here
        move = (math.log(self.target) - here[1]) / self.slope
        factor = math.exp(min(max(move, -3.0), 3.0))
        self.scale *= factor
        return factor
