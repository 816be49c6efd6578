"""`fit` gets every example, in order or shuffled, over several epochs and several calls."""

import keras
import numpy as np
import pytest

from keras_ddl import feed

X = np.arange(20, dtype="float32").reshape(10, 2)
Y = np.arange(10)


def model():
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    made.compile(keras.optimizers.SGD(0.0), "mse")
    return made


class Losses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.found = []

    def on_train_batch_end(self, batch, logs=None):
        self.model.reset_metrics()
        self.found.append(float(logs["loss"]))


def stream(start=0):
    """Batches whose losses are all different."""
    for step in range(start, start + 1000):
        yield np.full((4, 2), step, "float32"), np.zeros((4, 1), "float32")


def expected(steps):
    return [(2.0 * step) ** 2 for step in steps]


@pytest.mark.parametrize("given", [stream, stream()], ids=["function", "iterator"])
def test_batches_go_on_over_epochs(given):
    losses = Losses()
    data = feed.batches(given)
    options = {"steps_per_epoch": 3, "epochs": 2, "shuffle": False, "verbose": 0}
    model().fit(data, **options, callbacks=[losses])
    assert losses.found == pytest.approx(expected(range(6)))


def test_a_function_begins_anew_for_each_fit():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("others get an iterator")
    data, losses = feed.batches(stream), Losses()
    for _ in range(2):
        model().fit(data, steps_per_epoch=2, shuffle=False, verbose=0, callbacks=[losses])
        assert losses.found == pytest.approx(expected(range(2)))


def test_weights_of_examples_count():
    def weighted():
        for x, y in stream(1):
            yield x, y, np.array([1.0, 0.0, 0.0, 1.0], "float32")

    losses = Losses()
    options = {"steps_per_epoch": 1, "shuffle": False, "verbose": 0}
    model().fit(feed.batches(weighted), **options, callbacks=[losses])
    assert losses.found == pytest.approx([2.0])  # of (4 + 4) / 4


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of tf.data")
class TestArrays:
    def test_in_order(self):
        parts = [y.numpy().tolist() for _, y in feed.arrays(X, Y, batch_size=4, shuffle=False)]
        assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    def test_every_epoch_has_a_new_order_and_pairs_stay_together(self):
        data = feed.arrays(X, Y, np.ones(10), batch_size=3)
        orders = []
        for _ in range(2):
            x, y, _ = (np.concatenate(part) for part in zip(*data, strict=True))
            np.testing.assert_array_equal(x[:, 0], 2 * y)
            orders.append(y.tolist())
        assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
        assert orders[0] != orders[1]

    def test_nested_examples(self):
        ((x,),) = feed.arrays({"a": X, "b": Y}, batch_size=10, shuffle=False)
        np.testing.assert_array_equal(x["a"], X)
        np.testing.assert_array_equal(x["b"], Y)
