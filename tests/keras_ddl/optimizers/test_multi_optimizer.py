"""Wrappers, schedules and populations with core's MultiOptimizer."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.callbacks import GradientStats
from keras_ddl.optimizers import Instrumented, Lookahead, ScheduledRate
from keras_ddl.schedules import LinearDecay

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
LOOP = "loop" if keras.backend.backend() == "torch" else "auto"


def build(seed=0):
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    return keras.Sequential(
        [keras.Input((4,)), dense(3, "tanh", name="first"), dense(1, name="last")]
    )


def multi(first=0.1):
    """Adam for the first layer, and SGD with a schedule for the last."""
    return keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            keras.optimizers.SGD(LinearDecay(0.1, 8)),
            {".*first/.*": keras.optimizers.Adam(first)},
        )
    )


def trained(optimizer, callbacks=()):
    model = build()
    model.compile(optimizer, "mse")
    model.fit(X, X[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    return model


def assert_same(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_it_is_measured_and_trains_as_without():
    plain, stats = trained(multi()), GradientStats(every=1)
    assert_same(trained(multi(), [stats]), plain)
    assert {"gradient_norm/first", "gradient_norm/last"} <= set(stats.history[-1])
    measured = trained(Instrumented(multi(), every=1))
    assert_same(measured, plain)
    assert all(0 < norms["update"] < 10 for norms in measured.optimizer.measurements())


@pytest.mark.exhaustive
def test_a_schedule_moves_one_of_its_optimizers():
    model = trained(multi())
    rates = [ops.convert_to_numpy(one.learning_rate) for one in model.optimizer.optimizers]
    assert sorted(map(float, rates)) == pytest.approx([0.0, 0.1])
    wrapped = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            ScheduledRate(keras.optimizers.SGD(0.3), LinearDecay(0.1, 8)),
            {".*first/.*": keras.optimizers.Adam(0.1)},
        )
    )
    assert_same(trained(wrapped), model)


@pytest.mark.slow
def test_members_of_a_population_have_their_own():
    population = Population(build, [{"seed": 0}, {"seed": 1}], executor=LOOP)
    population.compile(multi(), "mse")
    population.fit(X, X[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same(population.member(0), trained(multi()))


@pytest.mark.exhaustive
def test_members_have_rates_of_their_own_within_a_wrapper():
    population = Population(build, [{"seed": 0}, {"seed": 0}], executor=LOOP)
    wrapper = Lookahead(keras.optimizers.SGD(0.5), sync_period=3)
    population.compile(wrapper, "mse", learning_rate=[0.1, 0.2])
    population.fit(X, X[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0)
    for place, rate in enumerate((0.1, 0.2)):
        alone = trained(Lookahead(keras.optimizers.SGD(rate), sync_period=3))
        assert_same(population.member(place), alone)
