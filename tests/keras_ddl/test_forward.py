"""Forward passes change nothing, and use the batch size that the model requires."""

import random

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl._forward import (
    Snapshot,
    batch_size,
    random_states_kept,
    stateless,
    whole_batch,
    whole_batches,
)


class Counting(layers.Layer):
    """Assigns a trainable and a frozen weight, and draws from all streams, at inference too."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros")
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        self.calls.assign(self.calls + 1)
        self.total.assign(self.total + ops.sum(x))
        return x + keras.random.uniform(()) + random.random() + np.random.uniform()


def restless():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input(batch_shape=(4, 5, 3)),
            layers.LSTM(2, stateful=True, recurrent_dropout=0.5, return_sequences=True),
            layers.Bidirectional(layers.GRU(2, stateful=True)),
            Counting(),
        ]
    )


def state(model):
    lstm, both = model.layers[:2]
    variables = [*model.variables, *lstm.states]
    variables += [*both.forward_layer.states, *both.backward_layer.states]
    values = [ops.convert_to_numpy(ops.copy(variable.value)) for variable in variables]
    with random_states_kept():
        return [*values, random.random(), np.random.uniform()]


def draw():
    return float(keras.random.uniform(()))


def test_a_stateless_pass_changes_nothing():
    model = restless()
    before = state(model)
    with stateless(model):
        model(np.ones((4, 5, 3), "float32"), training=False)
    following = draw()
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    restless()  # sets the seed
    assert draw() == following


def test_variables_named_are_kept():
    model = restless()
    counting = model.layers[-1]
    before = float(ops.convert_to_numpy(counting.total))
    with stateless(model, keep=[counting.calls]):
        for _ in range(3):
            model(np.ones((4, 5, 3), "float32"), training=False)
    assert float(ops.convert_to_numpy(counting.calls)) == 3
    assert float(ops.convert_to_numpy(counting.total)) == before


def test_a_snapshot_restores_model_optimizer_and_seeds():
    model = restless()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    before = state(model)
    kept = Snapshot(model, optimizer)
    following = draw()
    for _ in range(2):
        model(np.ones((4, 5, 3), "float32"), training=True)
        optimizer.apply([ops.ones(v.shape) for v in model.trainable_variables])
        kept.restore()
        for old, new in zip(before[:-2], state(model)[:-2], strict=True):
            np.testing.assert_array_equal(old, new)
        for variable in optimizer.variables:
            if "momentum" in variable.path or "iteration" in variable.path:
                assert not np.any(ops.convert_to_numpy(variable.value))
        assert draw() == following


def test_the_batch_size_of_a_model():
    assert batch_size(restless()) == 4
    assert batch_size(keras.Sequential([keras.Input((3,)), layers.Dense(2)])) is None
    inputs = keras.Input(batch_shape=(4, 3))
    assert batch_size(keras.Model(inputs, layers.Dense(2)(inputs))) == 4
    late = keras.Sequential([layers.Dense(2)])
    late(np.ones((6, 3), "float32"))
    assert batch_size(late) is None

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.rnn = layers.LSTM(2, stateful=True)

        def call(self, x):
            return self.rnn(x)

    model = Subclassed()
    model(np.ones((6, 5, 3), "float32"))
    assert batch_size(model) == 6


@pytest.mark.parametrize("count", [3, 4, 9])
def test_examples_fill_whole_batches(count):
    model = restless()
    x = {"a": np.arange(count), "b": ops.arange(count)}
    assert list(whole_batch(model, x)["a"]) == [i % count for i in range(4)]
    parts = [*whole_batches(model, x)]
    assert [len(part["b"]) for part in parts] == [4] * -(-count // 4)
    seen = np.concatenate([part["a"] for part in parts])
    assert list(seen[:count]) == [*range(count)]
    np.testing.assert_array_equal(
        seen, np.concatenate([ops.convert_to_numpy(part["b"]) for part in parts])
    )
