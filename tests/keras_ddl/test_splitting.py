"""Stratified orders, and the split made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ddl.splitting import train_validation_test_split


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), min_size=5, max_size=200), st.floats(0, 0.4), st.floats(0, 0.4))
def test_each_set_has_each_class_in_its_share(labels, validation, test):
    y = np.array(labels)
    parts = train_validation_test_split(np.arange(len(y)), y, validation, test, seed=3)
    assert sorted(np.concatenate([x for x, _ in parts])) == list(range(len(y)))
    for x, part in parts:
        np.testing.assert_array_equal(part, y[x])
        for label in set(labels):
            assert abs((part == label).sum() - len(part) * (y == label).mean()) < 6


def test_sizes_may_be_numbers_and_labels_one_hot():
    y = np.eye(3)[np.arange(90) % 3]
    train, validation, test = train_validation_test_split(np.zeros((90, 2)), y, 30, 15)
    assert [len(part[1]) for part in (train, validation, test)] == [45, 30, 15]
    np.testing.assert_array_equal(validation[1].sum(axis=0), [10, 10, 10])
    assert train[0].shape == (45, 2)


def test_a_larger_validation_set_takes_from_the_training_set_alone():
    x = np.arange(100)
    small, large = (
        train_validation_test_split(x, x % 4, validation, 20, seed=5) for validation in (10, 40)
    )
    assert set(large[0][0]) < set(small[0][0])
    np.testing.assert_array_equal(small[2][0], large[2][0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": 1.0}, "`validation` must be a share.*Received: validation=1.0"),
        ({"test": -1}, "`test` must be.*Received: test=-1"),
        ({"validation": 6, "test": 4}, "leave at least one.*Received: validation=6, test=4"),
        ({"y": np.zeros(9)}, r"same length.*Received: shapes \(10,\) and \(9,\)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_validation_test_split(**{"x": np.zeros(10), "y": np.zeros(10), **arguments})
