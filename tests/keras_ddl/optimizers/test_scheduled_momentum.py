"""ScheduledMomentumSGD against core's SGD and against the update rule by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.optimizers import ScheduledMomentumSGD
from keras_ddl.schedules import ExponentialApproach

GRADIENTS = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


def weights_after(optimizer, gradients=GRADIENTS):
    weight = keras.Variable(np.ones(3, "float32"))
    optimizer.build([weight])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)])
    return ops.convert_to_numpy(weight.value)


class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """0, .1, .2, ... by step."""

    def __call__(self, step):
        return 0.1 * ops.cast(step, "float32")

    def get_config(self):
        return {}


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_number_as_momentum_is_core_sgd(nesterov):
    ours = ScheduledMomentumSGD(0.1, momentum=0.9, nesterov=nesterov)
    core = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    np.testing.assert_allclose(weights_after(ours), weights_after(core), rtol=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_constant_schedule_equals_the_number(nesterov):
    scheduled = ScheduledMomentumSGD(0.1, ExponentialApproach(0.9, 0.9, 1.0), nesterov=nesterov)
    core = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    np.testing.assert_allclose(weights_after(scheduled), weights_after(core), rtol=1e-5)


def test_the_momentum_of_each_step_is_the_schedule_at_that_step():
    weight, velocity = np.ones(3), np.zeros(3)
    for step, gradient in enumerate(GRADIENTS):
        velocity = 0.1 * step * velocity - 0.5 * gradient
        weight = weight + velocity
    np.testing.assert_allclose(weights_after(ScheduledMomentumSGD(0.5, Steps())), weight, rtol=1e-5)


def test_momentum_moves_inside_a_compiled_fit():
    """Twelve compiled steps equal twelve steps by hand, so tracing does not freeze it."""
    x = np.random.default_rng(1).normal(size=(12, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    weight = model.get_weights()[0].astype("float64")
    model.compile(ScheduledMomentumSGD(0.05, Steps()), "mse")
    model.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0)
    velocity = np.zeros((3, 1))
    for step, (xi, yi) in enumerate(zip(x, y, strict=True)):
        gradient = 2 * (xi @ weight - yi) * xi[:, None]
        velocity = 0.1 * step * velocity - 0.05 * gradient
        weight = weight + velocity
    np.testing.assert_allclose(model.get_weights()[0], weight, rtol=1e-3)


def test_current_momentum_is_that_of_the_next_step():
    optimizer = ScheduledMomentumSGD(0.1, Steps())
    weights_after(optimizer, GRADIENTS[:3])
    assert float(optimizer.current_momentum) == pytest.approx(0.3)
    assert ScheduledMomentumSGD(momentum=0.8).current_momentum == 0.8


@pytest.mark.parametrize("momentum", [0.8, ExponentialApproach(0.5, 0.99, 100)])
def test_a_saved_model_goes_on_with_the_same_momentum(tmp_path, momentum):
    x = np.random.default_rng(2).normal(size=(20, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(ScheduledMomentumSGD(0.01, momentum), "mse")
    model.fit(x, x[:, :1], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for trained in (model, loaded):
        trained.fit(x, x[:, :1], shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("momentum", [-0.1, 1.1, "fast", None, True])
def test_a_bad_momentum_is_refused(momentum):
    with pytest.raises(ValueError, match=r"`momentum` must be .*Received: momentum="):
        ScheduledMomentumSGD(0.1, momentum)
