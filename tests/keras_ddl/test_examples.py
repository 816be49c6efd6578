"""Examples taken from arrays, data sets and generators."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.examples import batches, is_arrays, is_repeatable, take

X = np.arange(24.0, dtype="float32").reshape(12, 2)


def rng():
    return np.random.default_rng(0)


class Batches(keras.utils.PyDataset):
    def __init__(self, count):
        super().__init__()
        self.count = count

    @property
    def num_batches(self):
        return self.count

    def __getitem__(self, index):
        return X[4 * index % 12 : 4 * index % 12 + 4], np.zeros(4)


def test_arrays_are_drawn_from_in_their_structure():
    one = take(X, 5, rng())
    assert one.shape == (5, 2)
    assert {tuple(row) for row in one} <= {tuple(row) for row in X}
    both = take({"a": X, "b": ops.convert_to_tensor(X[:, 0])}, 5, rng())
    np.testing.assert_array_equal(both["a"][:, 0], both["b"])
    np.testing.assert_array_equal(take([X], None, rng())[0], X)


@pytest.mark.parametrize(
    "source",
    [
        lambda: Batches(3),
        lambda: Batches(None),
        lambda: iter([X[:4], X[4:8], X[8:]]),
        lambda: ((X[i : i + 4], None) for i in (0, 4, 8)),
    ],
)
def test_the_first_of_a_data_set_are_taken(source):
    np.testing.assert_array_equal(take(source(), 10, rng()), X[:10])


def test_a_generator_that_runs_out_gives_what_it_has():
    np.testing.assert_array_equal(take(iter([X[:4]]), 10, rng()), X[:4])
    np.testing.assert_array_equal(take(Batches(3), None, rng()), X)


def test_batches_are_cut_to_the_limit():
    assert [len(batch) for batch in batches(X, 5)] == [5, 5, 2]
    assert [len(batch) for batch in batches(X, 5, limit=7)] == [5, 2]
    assert [len(batch) for batch in batches(Batches(3), 5, limit=6)] == [4, 2]


def test_no_more_batches_are_drawn_than_are_needed():
    source = iter([X[:4], X[4:8], X[8:]])
    take(source, 8, rng())
    assert len(list(source)) == 1


def test_which_data_can_be_iterated_again():
    assert is_arrays([X, ops.ones(3)])
    assert not is_arrays([[1, 2], [3, 4]])
    assert is_repeatable(Batches(3))
    assert not is_repeatable(Batches(None))
    assert not is_repeatable(iter([X]))
    assert not is_repeatable([X])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "`data` must be inputs as arrays.*Received: data is None"),
        (3, "Received: data is 3"),
        ("train.csv", "Received: data is 'train.csv'"),
        ([[1, 2], [3, 4]], "Received: data is a list of int"),
        (["1", "2"], "Received: data is a list of str"),
        ({}, "Received: data is a dict of nothing"),
        ({"a": X, "b": None}, "Received: data is a dict of NoneType, ndarray"),
        (iter([[[1, 2]]]), "Received: data is a list_iterator that yields a list of int"),
        (X[:0], "at least one example. Received: no example"),
        (iter([]), "at least one example. Received: a list_iterator that yields no batch"),
        ([X, X[:3]], r"same number of examples.*Received: data of shapes \[\(12, 2\), \(3, 2\)\]"),
        (np.float32(1), r"same number.*Received: data of shapes \[\(\)\]"),
    ],
)
def test_what_is_no_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        take(wrong, 4, rng(), name="data")
