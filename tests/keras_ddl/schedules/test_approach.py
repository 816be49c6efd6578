"""Schedules."""

import math

import keras
import pytest
from keras import ops

from keras_ddl.schedules import ExponentialApproach


@pytest.mark.parametrize(
    ("step", "value"),
    [
        (0, 0.5),
        (100, 0.99 - 0.49 / math.e),
        (230.2585, 0.99 - 0.049),  # ln(10) time constants: a tenth of the way is left
        (100_000, 0.99),
    ],
)
def test_exponential_approach_values(step, value):
    assert float(ExponentialApproach(0.5, 0.99, 100)(step)) == pytest.approx(value, rel=1e-5)


def test_it_takes_the_integer_step_of_an_optimizer():
    step = keras.Variable(3, dtype="int32", trainable=False)
    assert float(ExponentialApproach(0.0, 1.0, 3)(step)) == pytest.approx(1 - 1 / math.e, rel=1e-5)


def test_round_trip_through_its_config():
    schedule = ExponentialApproach(0.1, 0.7, 50)
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert float(loaded(20)) == float(schedule(20))


@pytest.mark.parametrize("time_constant", [0, -1, float("nan")])
def test_a_time_constant_that_is_not_positive_is_refused(time_constant):
    with pytest.raises(ValueError, match=r"`time_constant` must be a positive.*Received"):
        ExponentialApproach(0.5, 0.9, time_constant)


def test_it_serves_as_a_learning_rate_of_core_optimizers():
    optimizer = keras.optimizers.SGD(ExponentialApproach(1.0, 0.0, 1))
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    for _ in range(2):
        optimizer.apply([ops.convert_to_tensor(1.0)])
    assert ops.convert_to_numpy(weight.value) == pytest.approx(-(1 + 1 / math.e), rel=1e-5)
