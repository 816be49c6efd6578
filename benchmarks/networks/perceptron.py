"""Rosenblatt's perceptron, and what its learning rule does with a truth table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
TABLES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "XOR": (0, 1, 1, 0)}


@dataclass(frozen=True)
class Run:
    """How the learning rule ended.

    Args:
        weights: `(w1, w2, b)` at the beginning and after each update.
        converged: whether an epoch went by without a mistake.
        cycle: the weights after each update of the cycle that the rule fell into; empty if it fell
            into none.
        epochs: how many were done.
    """

    weights: Sequence[tuple[int, int, int]]
    converged: bool
    cycle: Sequence[tuple[int, int, int]]
    epochs: int


def learn(
    table: Sequence[int], start: Sequence[int], order: Sequence[int], most_epochs: int
) -> Run:
    """Apply the perceptron rule until an epoch has no mistake, or the weights repeat.

    A point is taken as 1 if `w1 x1 + w2 x2 + b > 0`. A mistake adds the point to the weights, or
    takes it off. Weights are integers and the order is the same in all epochs. So if an epoch
    begins with weights that an earlier one began with, the rule repeats itself forever.

    Args:
        table: targets 0 or 1 of the four `POINTS`.
        start: initial integer weights `(w1, w2, b)`.
        order: the order of the points, the same in each epoch.
        most_epochs: after these the rule is stopped.
    """
    weights = np.array(start, dtype=int)
    history = [_plain(weights)]
    begun: dict[tuple[int, int, int], int] = {}  # weights at an epoch's beginning -> updates before
    for epoch in range(most_epochs):
        if _plain(weights) in begun:
            return Run(history, False, history[begun[_plain(weights)] + 1 :], epoch)
        begun[_plain(weights)] = len(history) - 1
        mistakes = 0
        for point in order:
            x = np.append(POINTS[point], 1)
            error = table[point] - int(weights @ x > 0)
            if error:
                weights = weights + error * x
                history.append(_plain(weights))
                mistakes += 1
        if not mistakes:
            return Run(history, True, (), epoch + 1)
    return Run(history, False, (), most_epochs)


def _plain(weights: np.ndarray) -> tuple[int, int, int]:
    w1, w2, b = (int(weight) for weight in weights)
    return w1, w2, b
