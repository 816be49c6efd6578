"""The quadratics and Rosenbrock's valley in numbers: axes and starting points of a trial."""

import numpy as np

from benchmarks.harness.spec import Trial

QUADRATICS = ("quadratic", "turned quadratic")
PLANES = {"plane": 0.0, "turned plane": np.pi / 6}  # the angle of the axes
ROSENBROCK_START = (-1.2, 1.0)  # of the way that is drawn


def axes(trial: Trial) -> np.ndarray:
    """The axes of a quadratic, as columns."""
    problem = trial.params["problem"]
    if problem in PLANES:
        cos, sin = np.cos(PLANES[problem]), np.sin(PLANES[problem])
        return np.array([[cos, -sin], [sin, cos]])
    size = trial.params["dimensions"]
    if problem == "quadratic":
        return np.eye(size)
    numbers = np.random.default_rng(trial.derive("axes")).normal(size=(size, size))
    return np.linalg.qr(numbers)[0]


def starts(trial: Trial) -> np.ndarray:
    """Starting points: those that the learning rate is tuned on, then as many others."""
    params = trial.params
    rng = np.random.default_rng(trial.derive("starts"))
    if params["problem"] in PLANES:  # one point, as in the figures of lectures
        return np.repeat([axes(trial) @ (0.95, 0.3)], 2, axis=0)
    if params["problem"] == "Rosenbrock":
        return rng.uniform(-2, 2, size=(2 * params["starts"], 2))
    points = rng.normal(size=(2 * params["starts"], params["dimensions"]))
    return points / np.linalg.norm(points, axis=1, keepdims=True)
