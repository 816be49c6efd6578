"""Checks a row of the catalogue of activation functions by evaluating the function."""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

NEAR = np.linspace(-6, 6, 1201)  # includes 0, where all functions with a kink have it
FAR = np.concatenate([-np.logspace(6, -6, 400), [0.0], np.logspace(-6, 6, 400)])
NAMES = {
    name: getattr(np, name)
    for name in (
        "abs",
        "arctan",
        "exp",
        "expm1",
        "logaddexp",
        "maximum",
        "minimum",
        "tanh",
        "where",
    )
} | {"Phi": ndtr, "phi": lambda x: np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)}

Function = Callable[[np.ndarray], np.ndarray]


def parse(expression: str) -> Function:
    """Turn an expression of the catalogue into a function of float64 arrays."""
    code = compile(expression, expression, "eval")

    def function(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            values = eval(code, {"__builtins__": {}}, {**NAMES, "x": x})
        return values + 0.0 * x

    return function


def wrong_cells(entry, more: np.ndarray | None = None) -> list[str]:
    """The names of the cells in a row of the catalogue that do not agree with the function.

    Args:
        entry: a row of the catalogue.
        more: additional inputs at which the equation is compared with the function. None
            (default): no additional inputs.
    """
    from keras import ops

    f, derivative = parse(entry.equation), parse(entry.derivative)
    x = np.concatenate([NEAR, [] if more is None else more]).astype("float32")
    implemented = ops.convert_to_numpy(entry.function(ops.convert_to_tensor(x)))
    smooth = np.abs(NEAR) > 1e-3
    slopes = (f(NEAR + 1e-5) - f(NEAR - 1e-5)) / 2e-5
    steps = np.diff(f(NEAR))
    near_0 = np.array([-1e-6, 1e-6])
    checks = {
        "equation": np.allclose(implemented, f(x.astype("float64")), rtol=1e-5, atol=1e-5),
        "derivative": np.allclose(slopes[smooth], derivative(NEAR)[smooth], atol=1e-6),
        "range": all(bounded(f, entry, side) for side in (0, 1)),
        "continuity": order_of_continuity(f, derivative) == entry.continuity,
        "monotonic": bool((steps >= -1e-12).all()) == entry.monotonic,
        "monotonic_derivative": bool((np.diff(steps) >= -1e-12).all())
        == entry.monotonic_derivative,
        "identity_near_origin": np.allclose(f(near_0) / near_0, 1, atol=1e-3)
        == entry.identity_near_origin,
    }
    return [cell for cell, holds in checks.items() if not holds]


def bounded(f: Function, entry, side: int) -> bool:
    """Whether one end of the range is where the catalogue says, and is reached only if closed.

    Args:
        f: the function.
        entry: its row of the catalogue.
        side: 0 for the lower end, 1 for the upper end.
    """
    sign, end, closed = (-1, 1)[side], entry.range[side], entry.closed[side]
    near = f(np.linspace(-6, 6, 120_001))  # for larger inputs float64 rounds to an open end
    far = f(FAR)
    inside = (sign * near).max()
    most = max(inside, (sign * far[np.isfinite(far)]).max())
    if math.isinf(end):
        return most > 1e5 and not closed
    reached = inside >= sign * end - 1e-7
    return abs(most - sign * end) < 1e-4 and most <= sign * end + 1e-7 and reached == closed


def order_of_continuity(f: Function, derivative: Function, highest: int = 3) -> float:
    """The order of the highest continuous derivative; infinite if all up to `highest` are."""
    h = 1e-3
    if jumps(f(NEAR + 1e-9), f(NEAR - 1e-9)):
        return -1
    for order in range(1, highest + 1):
        # Differences of f' on each side of a point give the derivatives of f on that side.
        sides = []
        for sign in (1, -1):
            points = [derivative(NEAR + sign * (1 + k) * h) for k in range(order)]
            sides.append(np.diff(points, n=order - 1, axis=0)[0] / (sign * h) ** (order - 1))
        if jumps(*sides):
            return order - 1
    return math.inf


def jumps(right: np.ndarray, left: np.ndarray) -> bool:
    return bool((np.abs(right - left) > 0.05).any())
