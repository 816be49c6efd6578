"""Instrumented and ScheduledRate as a user compiles a model with them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.optimizers import Instrumented, ScheduledRate
from keras_ddl.schedules import LinearDecay

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def trained(optimizer, tmp_path=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(X, X[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.01, weight_decay=0.1),
        lambda: keras.optimizers.SGD(0.1, clipnorm=0.1, use_ema=True, ema_overwrite_frequency=3),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3),
    ],
)
def test_an_instrumented_optimizer_trains_as_without(make):
    plain, watched = trained(make()), trained(Instrumented(make(), every=3))
    for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    for found in watched.optimizer.measurements():
        assert 0 < found["update"] < 10
        assert 0 < found["gradient"] < 100


def test_measurements_of_one_step_equal_those_by_hand():
    variable = keras.Variable(np.array([3.0, 4.0], "float32"))
    optimizer = Instrumented(keras.optimizers.SGD(0.5), every=2)
    optimizer.build([variable])
    optimizer.apply([ops.convert_to_tensor([0.0, 2.0])])
    optimizer.apply([ops.convert_to_tensor([0.0, 100.0])])  # not measured
    (found,) = optimizer.measurements()
    assert (found["gradient"], found["update"], found["weight"]) == pytest.approx((2.0, 1.0, 5.0))
    assert found["moved"].tolist() == [False, True]
    optimizer.reset()
    (found,) = optimizer.measurements()
    assert np.isnan(found["gradient"])
    assert found["moved"].tolist() == [False, False]


def test_a_gradient_of_none_counts_as_zero():
    used, unused = keras.Variable([1.0]), keras.Variable([1.0])
    optimizer = Instrumented(keras.optimizers.SGD(0.5))
    optimizer.build([used, unused])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([ops.convert_to_tensor([1.0]), None])
    assert [found["gradient"] for found in optimizer.measurements()] == [1.0, 0.0]


def test_sparse_gradients_of_embeddings_are_measured():
    model = keras.Sequential([layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)])
    model.build((None, 2))
    optimizer = Instrumented("sgd", every=1)
    model.compile(optimizer, "mse")
    model.fit(np.array([[0, 1], [1, 2]]), np.ones((2, 1)), verbose=0)
    assert optimizer.measurements()[0]["gradient"] > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Instrumented(keras.optimizers.SGD(0.1, momentum=0.9), every=7),
        lambda: ScheduledRate(keras.optimizers.SGD(0.1, momentum=0.9), LinearDecay(0.1, 20)),
    ],
)
def test_a_saved_model_goes_on(make, tmp_path):
    model = trained(make())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert int(ops.convert_to_numpy(loaded.optimizer.iterations)) == 8
    for a, b in zip(
        model.optimizer.optimizer.variables, loaded.optimizer.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def test_a_scheduled_rate_trains_as_the_schedule_itself():
    schedule = LinearDecay(0.1, 6)
    direct = trained(keras.optimizers.SGD(schedule))
    wrapped = trained(ScheduledRate(keras.optimizers.SGD(0.3), schedule))
    for a, b in zip(direct.get_weights(), wrapped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert float(ops.convert_to_numpy(wrapped.optimizer.learning_rate)) == 0.0


def test_every_must_be_positive():
    with pytest.raises(ValueError, match="`every` must be a positive integer"):
        Instrumented("sgd", every=0)
