"""What is minimized: functions of points of shape (rates, starts, dimensions)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True)
class Surface:
    """A function to minimize.

    Args:
        gradient: `(points, step, *data) -> gradient`.
        arrived: `(points, start, *data) -> bool` of shape (rates, starts).
        watched: `(points, *data) -> number` of that shape, whose changes of sign are counted.
        floor: `(start, *data) -> number`, the size below which they are not counted.
    """

    gradient: Callable[..., Any]
    arrived: Callable[..., Any]
    watched: Callable[..., Any]
    floor: Callable[..., Any] = lambda start, *data: 0.0


def _length(x):
    return ops.sqrt(ops.sum(ops.square(x), axis=-1))


def _last(x, *data):
    return x[..., -1]


# Half the sum of curvature times square of the coordinate along each axis; the minimum is at 0.
# Data: tolerance, curvatures in ascending order (d,), the axes as columns (d, d).
QUADRATIC = Surface(
    gradient=lambda x, step, tolerance, curvatures, axes: ops.matmul(
        ops.matmul(x, axes) * curvatures, ops.transpose(axes)
    ),
    arrived=lambda x, start, tolerance, curvatures, axes: _length(x) <= tolerance * _length(start),
    watched=lambda x, tolerance, curvatures, axes: ops.matmul(x, axes)[..., -1],
    floor=lambda start, tolerance, curvatures, axes: tolerance * _length(start),
)


def _rosenbrock_gradient(x, step, tolerance):
    across, along = x[..., 1] - ops.square(x[..., 0]), x[..., 0]
    return ops.stack([-400 * along * across - 2 * (1 - along), 200 * across], axis=-1)


# (1 - x)^2 + 100 (y - x^2)^2; the minimum is at (1, 1). Watched: the side of the valley.
ROSENBROCK = Surface(
    gradient=_rosenbrock_gradient,
    arrived=lambda x, start, tolerance: _length(x - 1) <= tolerance * _length(start - 1),
    watched=lambda x, tolerance: x[..., 1] - ops.square(x[..., 0]),
    floor=lambda start, tolerance: tolerance * _length(start - 1),
)


def _saddle_gradient(x, step, noise):
    exact = ops.stack([x[..., 0], x[..., 1] ** 3 - x[..., 1]], axis=-1)
    return exact + ops.take(noise, step, axis=0)


def _saddle_left(x, start, noise):
    value = ops.square(x[..., 0]) / 2 - ops.square(x[..., 1]) / 2 + x[..., 1] ** 4 / 4
    return value < -1 / 8


# x^2 / 2 - y^2 / 2 + y^4 / 4: a saddle at 0, minima of -1/4 at y = 1 and -1. A point has left the
# saddle when it is half as low as the minima. Data: noise added to the gradient (steps, starts, 2).
SADDLE = Surface(_saddle_gradient, _saddle_left, _last)


def _component_value(w, covariance):
    """||w||^4 / 4 - w' C w / 2."""
    square = ops.sum(ops.square(w), axis=-1)
    return ops.square(square) / 4 - ops.sum(w * ops.matmul(w, covariance), axis=-1) / 2


def _component_left(w, start, covariance, halfway, *data):
    return _component_value(w, covariance) < halfway


def _component_gradient(w, step, covariance, halfway):
    square = ops.sum(ops.square(w), axis=-1, keepdims=True)
    return square * w - ops.matmul(w, covariance)


def _component_gradient_of_batch(w, step, covariance, halfway, *data):
    images, order = data
    batch = ops.take(images, ops.take(order, step, axis=0), axis=0)  # (starts, batch, pixels)
    outputs = ops.einsum("sbd,rsd->rsb", batch, w)
    square = ops.sum(ops.square(w), axis=-1, keepdims=True)
    return square * w - ops.einsum("rsb,sbd->rsd", outputs, batch) / order.shape[-1]


# The best rank-one fit w w' of a covariance C, as a unit whose weights are w learns it. Minima are
# the first principal direction times the root of its variance; every other direction gives a
# saddle. Data: C, the value halfway between the saddle and the minima; for minibatches also the
# centred images (n, pixels) and the places of the batches in them (steps, starts, batch).
COMPONENT = Surface(_component_gradient, _component_left, _last)
COMPONENT_BY_BATCHES = Surface(_component_gradient_of_batch, _component_left, _last)
