"""Descent from many starting points with many learning rates, in one compiled call.

The points are one variable of shape (rates, starts, dimensions). Keras' optimizers work entry by
entry, so a learning rate of shape (rates, 1, 1) gives each row its own.
"""

import functools
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from benchmarks.optimizers.methods import MOMENTUM, optimizer
from benchmarks.optimizers.surfaces import Surface
from keras_ddl._backend import compiled, no_gradients


@dataclass(frozen=True)
class Outcome:
    """What a descent came to, as arrays of shape (rates, starts).

    Args:
        steps: the step after which the point had arrived, and stayed; 0 if it had not.
        beside: at how many of these steps the watched coordinate was above its floor.
        turns: at how many of those it changed its sign.
        path: the length of the way until then.
        last: the last points, (rates, starts, dimensions).
    """

    steps: np.ndarray
    beside: np.ndarray
    turns: np.ndarray
    path: np.ndarray
    last: np.ndarray


def descend(
    method: str,
    surface: Surface,
    starts,
    rates,
    *,
    most_steps: int,
    data=(),
    momentum=MOMENTUM,
    stay: int = 1,
) -> Outcome:
    """Descend until all starts of one rate have arrived, or for `most_steps` steps.

    The first rate all of whose starts have arrived is the rate with the fewest steps for its
    slowest start.

    Args:
        method: one of `methods.METHODS`.
        surface: what is minimized.
        starts: points of shape (starts, dimensions).
        rates: learning rates.
        most_steps: steps at most.
        data: arrays that the surface's functions take.
        momentum: of the methods that have it.
        stay: for how many steps in a row a point must be where it arrives. Methods that oscillate
            pass through.
    """
    starts = np.asarray(starts, "float32")
    rates = np.asarray(rates, "float32")[:, None, None]
    points = np.broadcast_to(starts, (len(rates), *starts.shape))
    shapes = (points.shape, *(np.shape(one) for one in data))
    run = _runner(method, momentum, surface, stay, shapes)
    found = run(
        ops.convert_to_tensor(np.array(points)),
        ops.convert_to_tensor(rates),
        ops.convert_to_tensor(most_steps, "int32"),
        [ops.convert_to_tensor(one) for one in data],
    )
    return Outcome(*(ops.convert_to_numpy(one) for one in found))


def trajectory(method: str, surface: Surface, start, rate: float, *, steps: int, data=()):
    """The points of one descent, of shape (steps + 1, dimensions)."""
    point = keras.Variable(np.asarray(start, "float32")[None, None])
    keras_optimizer = optimizer(method, rate)
    tensors = [ops.convert_to_tensor(one) for one in data]
    points = [ops.convert_to_numpy(point)[0, 0]]
    for step in range(steps):
        keras_optimizer.apply([surface.gradient(point.value, step, *tensors)], [point])
        points.append(ops.convert_to_numpy(point)[0, 0])
    return np.array(points)


class _Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rates that the compiled function was called with."""

    rates = None

    def __call__(self, step):
        return self.rates

    def get_config(self):
        raise NotImplementedError("These learning rates belong to one call.")


@functools.lru_cache(maxsize=64)  # compiling takes longer than most descents
def _runner(method, momentum, surface, stay, shapes):
    shape, rates = shapes[0], _Rates()
    step_of = _Stepper(optimizer(method, rates, momentum), shape)

    def run(start, given, most_steps, data):
        rates.rates = given

        def continues(step, x, state, found):
            return ops.logical_and(step < most_steps, ops.logical_not(_one_rate(found[1])))

        def body(step, x, state, found):
            here, arrived, beside, turns, path = found
            side = surface.watched(x, *data)
            new, state = step_of.take(x, state, surface.gradient(x, step, *data))
            under_way = arrived == 0
            above = ops.logical_and(under_way, ops.abs(side) > surface.floor(start, *data))
            turned = ops.logical_and(above, side * surface.watched(new, *data) < 0)
            length = ops.sqrt(ops.sum(ops.square(new - x), axis=-1))
            here = ops.where(surface.arrived(new, start, *data), here + 1, ops.zeros_like(here))
            done = ops.logical_and(under_way, here >= stay)
            found = [
                here,
                ops.where(done, step + 2 - stay, arrived),
                beside + ops.cast(above, "int32"),
                turns + ops.cast(turned, "int32"),
                path + ops.where(under_way, length, ops.zeros_like(length)),
            ]
            return step + 1, new, state, found

        none = ops.zeros(shape[:2], "int32")
        first = ops.convert_to_tensor(0, "int32"), start, step_of.begin(start)
        _, last, _, found = ops.while_loop(
            continues, body, (*first, [none, none, none, none, ops.zeros(shape[:2])])
        )
        return *found[1:], last

    def without_gradients(*arguments):
        with no_gradients():
            return run(*arguments)

    return compiled(without_gradients)


class _Stepper:
    """Steps of a Keras optimizer in a compiled loop.

    A compiled function of JAX may not assign to variables: the optimizer's state goes through the
    loop. TensorFlow's optimizers work by assignment alone, and their state stays where it is.
    """

    def __init__(self, keras_optimizer, shape):
        self.optimizer = keras_optimizer
        self.point = keras.Variable(np.zeros(shape, "float32"))
        keras_optimizer.build([self.point])
        self.fresh = [ops.convert_to_numpy(variable) for variable in keras_optimizer.variables]

    def begin(self, start):
        """The state before the first step."""
        if keras.backend.backend() == "jax":
            return [ops.convert_to_tensor(value) for value in self.fresh]
        self.point.assign(start)
        for variable, value in zip(self.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)
        return []

    def take(self, x, state, gradient):
        """The points and the state after a step."""
        if keras.backend.backend() == "jax":
            (new,), state = self.optimizer.stateless_apply(state, [gradient], [x])
            return new, state
        self.optimizer.apply([gradient], [self.point])
        return ops.copy(self.point.value), state


def _one_rate(arrived):
    return ops.any(ops.all(arrived > 0, axis=1))
