"""Keras' optimizers by name, and what theory says of three of them.

Theory for quadratics with curvatures from 1 to the condition number: Lessard, Recht and Packard
(2016), "Analysis and Design of Optimization Algorithms via Integral Quadratic Constraints",
arXiv 1408.3595, section 2 and proposition 1.
"""

import math
from dataclasses import dataclass

METHODS = ("SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam")
MOMENTUM = 0.9


@dataclass(frozen=True)
class Theory:
    """The constants that give the fastest worst case on quadratics, and that rate.

    Args:
        rate: the learning rate.
        momentum: its coefficient.
        factor: by which the distance to the minimum shrinks in a step, in the long run.
    """

    rate: float
    momentum: float
    factor: float

    def steps(self, tolerance: float) -> float:
        """Steps until the distance has shrunk to `tolerance` of what it was; at least one."""
        return max(1.0, math.log(tolerance) / math.log(self.factor)) if self.factor else 1.0


def theory(method: str, condition: float) -> Theory:
    """For SGD, momentum or Nesterov."""
    root = math.sqrt(condition)
    if method == "SGD":
        return Theory(2 / (condition + 1), 0.0, (condition - 1) / (condition + 1))
    if method == "momentum":
        factor = (root - 1) / (root + 1)
        return Theory(4 / (root + 1) ** 2, factor**2, factor)
    if method == "Nesterov":
        wide = math.sqrt(3 * condition + 1)
        return Theory(4 / (3 * condition + 1), (wide - 2) / (wide + 2), 1 - 2 / wide)
    raise ValueError(f"Theory is of SGD, momentum and Nesterov. Received: method={method!r}")


def optimizer(method: str, rate, momentum: float = MOMENTUM):
    """A Keras optimizer with Keras' default constants.

    Args:
        method: one of `METHODS`.
        rate: the learning rate: a number or a schedule.
        momentum: of "momentum" and "Nesterov".
    """
    import keras

    makers = {
        "SGD": lambda: keras.optimizers.SGD(rate),
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=momentum),
        "Nesterov": lambda: keras.optimizers.SGD(rate, momentum=momentum, nesterov=True),
        "AdaGrad": lambda: keras.optimizers.Adagrad(rate),
        "RMSProp": lambda: keras.optimizers.RMSprop(rate),
        "Adam": lambda: keras.optimizers.Adam(rate),
    }
    return makers[method]()
