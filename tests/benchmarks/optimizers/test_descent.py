"""Descents from many points with many rates are those of Keras' optimizers one by one."""

import keras
import numpy as np
import pytest

from benchmarks.optimizers import descent, surfaces
from benchmarks.optimizers.methods import METHODS, optimizer

CURVATURES = np.array([1.0, 4.0, 20.0], "float32")
AXES = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0].astype("float32")
STARTS = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")


def by_hand(method, start, rate, steps):
    """The points of Keras' optimizer on one variable."""
    point = keras.Variable(start)
    one = optimizer(method, rate)
    points = [start]
    for _ in range(steps):
        gradient = AXES @ (CURVATURES * (AXES.T @ points[-1]))
        one.apply([keras.ops.convert_to_tensor(gradient)], [point])
        points.append(keras.ops.convert_to_numpy(point))
    return np.array(points)


@pytest.mark.parametrize("method", METHODS)
def test_every_rate_and_start_is_a_descent_of_keras_optimizer(method):
    rates, steps = [0.01, 0.03], 12
    data = (np.float32(1e-9), CURVATURES, AXES)
    for _ in range(2):  # the second call begins anew, with the same compiled function
        found = descent.descend(
            method, surfaces.QUADRATIC, STARTS, rates, most_steps=steps, data=data
        )
        assert not found.steps.any()
        for row, rate in enumerate(rates):
            for column, start in enumerate(STARTS):
                points = by_hand(method, start, rate, steps)
                np.testing.assert_allclose(found.last[row, column], points[-1], atol=1e-5)
                way = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
                assert found.path[row, column] == pytest.approx(way, rel=1e-4)
                side = points @ AXES[:, -1]
                assert found.turns[row, column] == (side[1:] * side[:-1] < 0).sum()


def test_it_ends_when_all_starts_of_one_rate_have_arrived():
    data = (np.float32(0.1), np.ones(3, "float32"), np.eye(3, dtype="float32"))
    found = descent.descend(
        "SGD", surfaces.QUADRATIC, STARTS, [0.1, 0.5, 3.0], most_steps=1000, data=data
    )
    assert found.steps.tolist() == [[0, 0], [4, 4], [0, 0]]  # .5^4 = .0625; 3 diverges
    np.testing.assert_allclose(found.last[0], STARTS * 0.9**4, rtol=1e-5)


def test_passing_through_is_no_arrival():
    """Momentum swings past the minimum and comes back; it arrives where it stays."""
    data = (np.float32(0.1), np.ones(1, "float32"), np.eye(1, dtype="float32"))
    once, stays = (
        descent.descend(
            "momentum",
            surfaces.QUADRATIC,
            [[1.0]],
            [0.05],
            most_steps=500,
            data=data,
            stay=stay,
        ).steps.item()
        for stay in (1, 10)
    )
    points = descent.trajectory("momentum", surfaces.QUADRATIC, [1.0], 0.05, steps=500, data=data)
    inside = np.abs(points[:, 0]) <= 0.1
    assert once == np.flatnonzero(inside)[0]
    assert stays == next(step for step in range(500) if inside[step : step + 10].all())
    assert once < stays


def test_crossings_count_only_above_the_floor():
    """The steep coordinate changes sign at each step, and halves: three steps until an eighth."""
    curvatures, axes = np.array([0.1, 1.5], "float32"), np.eye(2, dtype="float32")
    data = (np.float32(0.15), curvatures, axes)
    found = descent.descend(
        "SGD", surfaces.QUADRATIC, [[0.0, 1.0]], [1.0], most_steps=50, data=data
    )
    assert (found.steps, found.beside, found.turns) == (3, 3, 3)
    found = descent.descend(
        "SGD", surfaces.QUADRATIC, [[1.0, 1.0]], [1.0], most_steps=50, data=data
    )
    assert found.steps > 10
    assert (found.beside, found.turns) == (
        3,
        3,
    )  # 1, .5, .25; .125 is below .15 times the root of 2


@pytest.mark.parametrize("surface", [surfaces.ROSENBROCK, surfaces.SADDLE, surfaces.COMPONENT])
def test_gradients_are_those_of_the_functions(surface):
    covariance = np.diag([3.0, 1.0])
    functions = {
        surfaces.ROSENBROCK: lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2,
        surfaces.SADDLE: lambda p: p[0] ** 2 / 2 - p[1] ** 2 / 2 + p[1] ** 4 / 4,
        surfaces.COMPONENT: lambda p: (p @ p) ** 2 / 4 - p @ covariance @ p / 2,
    }
    data = {
        surfaces.ROSENBROCK: (np.float32(0.1),),
        surfaces.SADDLE: (np.zeros((1, 1, 2), "float32"),),
        surfaces.COMPONENT: (covariance.astype("float32"), np.float32(0)),
    }[surface]
    function = functions[surface]
    for point in np.random.default_rng(0).normal(size=(5, 2)):
        slopes = [
            (function(point + step) - function(point - step)) / 2e-5 for step in 1e-5 * np.eye(2)
        ]
        tensors = [keras.ops.convert_to_tensor(one) for one in data]
        x = keras.ops.convert_to_tensor(point[None, None].astype("float32"))
        gradient = keras.ops.convert_to_numpy(surface.gradient(x, 0, *tensors))[0, 0]
        np.testing.assert_allclose(gradient, slopes, rtol=1e-3, atol=1e-3)


def test_a_batch_of_all_images_has_the_gradient_of_their_covariance():
    images = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    covariance = images.T @ images / 6
    tensors = [keras.ops.convert_to_tensor(one) for one in (covariance, np.float32(0), images)]
    order = keras.ops.convert_to_tensor(np.arange(6, dtype="int32").reshape(1, 1, 6))
    w = keras.ops.convert_to_tensor(images[:1, None])
    exact = surfaces.COMPONENT.gradient(w, 0, *tensors[:2])
    of_batch = surfaces.COMPONENT_BY_BATCHES.gradient(w, 0, *tensors, order)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(of_batch), keras.ops.convert_to_numpy(exact), rtol=1e-4
    )


def test_a_trajectory_begins_at_its_start_and_follows_the_gradient():
    data = (np.float32(0.1), np.ones(2, "float32"), np.eye(2, dtype="float32"))
    way = descent.trajectory("SGD", surfaces.QUADRATIC, (1.0, -2.0), 0.5, steps=3, data=data)
    np.testing.assert_allclose(way[:, 0], [1, 0.5, 0.25, 0.125])
    np.testing.assert_allclose(way[:, 1], -2 * way[:, 0])
