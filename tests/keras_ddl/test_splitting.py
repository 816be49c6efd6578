"""Stratified orders, and the split made of them."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_ddl.splitting import stratified_order, train_validation_test_split


def deviations(labels):
    """For each class, the largest deviation of its count among the first n labels, over all n."""
    fraction = np.arange(len(labels) + 1) / len(labels)
    for label in np.unique(labels):
        counts = np.concatenate([[0], np.cumsum(labels == label)])
        yield np.abs(counts - fraction * counts[-1]).max()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=300), st.integers(0, 2**64))
def test_every_beginning_of_the_order_is_stratified_to_within_one_example(labels, seed):
    labels = np.array(labels)
    order = stratified_order(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    assert max(deviations(labels[order])) < 1


@pytest.mark.parametrize("sizes", [[6000] * 10, [1, 1, 1, 9997], [7, 5000, 13, 999, 3981]])
def test_large_and_uneven_sets_are_stratified_too(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    order = stratified_order(labels, np.random.default_rng(0))
    assert max(deviations(labels[order])) < 1


def test_classes_take_turns_in_no_fixed_order():
    order = stratified_order(np.arange(3).repeat(200), np.random.default_rng(0))
    turns = {tuple(turn) for turn in (order // 200).reshape(-1, 3).tolist()}
    assert len(turns) == 6


def test_an_empty_set_has_an_order():
    assert len(stratified_order(np.zeros(0, np.int64), np.random.default_rng(0))) == 0


@pytest.mark.parametrize("form", ["(n,)", "(n, 1)", "one-hot", "strings"])
@settings(max_examples=20)
@given(
    labels=st.lists(st.integers(0, 3), min_size=5, max_size=200),
    validation=st.floats(0, 0.4),
    test=st.floats(0, 0.4),
)
@example(labels=[0] * 95 + [1] * 5, validation=0.2, test=0.2)
def test_each_set_has_each_class_in_its_share(labels, validation, test, form):
    """Counts of the first and the last set differ from the share by less than 1 example.

    Those of the set between them differ by less than 2.
    """
    labels = np.array(labels)
    y = {
        "(n,)": labels,
        "(n, 1)": labels[:, None],
        "one-hot": np.eye(4)[labels],
        "strings": labels.astype(str),
    }[form]
    parts = train_validation_test_split(np.arange(len(y)), y, validation, test, seed=3)
    assert sorted(np.concatenate([x for x, _ in parts])) == list(range(len(y)))
    for (x, part), bound in zip(parts, (1, 2, 1), strict=True):
        np.testing.assert_array_equal(part, y[x])
        for label in set(labels):
            share = len(part) * (labels == label).mean()
            assert abs((labels[x] == label).sum() - share) < bound


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
        ({"validation": "0.2"}, "`validation` must be.*Received: validation='0.2'"),
        ({"x": np.float32(3)}, r"same length.*Received: shapes \(\) and \(10,\)"),
        ({"y": np.zeros(9)}, r"same length.*Received: shapes \(10,\) and \(9,\)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_validation_test_split(**{"x": np.zeros(10), "y": np.zeros(10), **arguments})
