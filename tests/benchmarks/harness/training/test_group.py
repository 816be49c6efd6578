"""Groups: the trials' examples are pooled without copies, and batches follow each trial's order."""

import itertools

import numpy as np
import pytest

from benchmarks.harness import data
from benchmarks.harness.spec import Trial
from benchmarks.harness.training.group import Group
from benchmarks.harness.training.splits import Splits, key_of


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def trial(repetition=0, **params):
    params = {"train_size": 50, "validation_size": 20, "batch_size": 8, **params}
    return Trial("demo", 1, "quick", "digits", "0", 7, repetition, params)


def group(digits, *trials):
    return Group.make(trials, Splits(digits))


def indices_in(examples, pool):
    """The indices of the examples in the pool."""
    rows = {row.tobytes(): place for place, row in enumerate(pool)}
    return [rows[row.tobytes()] for row in examples]


@pytest.mark.parametrize("batch_size", [1, 8, 50])
def test_every_epoch_of_one_trial_has_each_example_once_in_an_order_of_the_seed(digits, batch_size):
    one = trial(batch_size=batch_size)
    stream, again = (group(digits, one).batches() for _ in range(2))
    (split,) = group(digits, one).splits
    orders = []
    for _ in range(3):
        drawn = list(itertools.islice(stream, 50 // batch_size))
        seen = np.concatenate([indices_in(x, split.train.x) for x, _ in drawn])
        assert len(set(seen)) == len(seen) == 50 // batch_size * batch_size
        for x, y in drawn:
            np.testing.assert_array_equal(split.train.y[indices_in(x, split.train.x)], y)
            np.testing.assert_array_equal(x, next(again)[0])
        orders.append(seen.tolist())
    assert orders[0] != orders[1] != orders[2]


def test_a_batch_holds_the_images_of_all_devices(digits):
    x, y = next(group(digits, trial(devices=3)).batches())
    assert len(x) == len(y) == 24


def test_trials_of_a_repetition_share_one_split_that_is_not_copied(digits):
    made = group(digits, trial(), trial(keep=0.5))
    assert made.splits[0] is made.splits[1]
    assert made.share_examples
    assert np.shares_memory(made.pool.x, made.splits[0].train.x)
    (chosen,) = next(made.batches())
    assert chosen.shape == (8,)  # one order for all


def test_nested_training_sets_are_stored_once(digits):
    made = group(digits, trial(train_size=50), trial(train_size=20))
    assert len(made.pool.y) == 50
    np.testing.assert_array_equal(made.indices[1], np.arange(20))
    assert not made.share_examples
    assert made.splits[0].validation is made.splits[1].validation


def test_every_trial_finds_its_examples_in_the_pool(digits):
    trials = [trial(0), trial(1, train_size=30), trial(2), trial(1)]
    made = group(digits, *trials)
    assert len(made.pool.y) == 150
    for one, split, place in zip(trials, made.splits, made.indices, strict=True):
        np.testing.assert_array_equal(made.pool.x[place], split.train.x)
        np.testing.assert_array_equal(made.pool.y[place], split.train.y)
        assert len(place) == one.params["train_size"]
    (chosen,) = next(made.batches())
    assert chosen.shape == (8, 4)
    alone = [next(group(digits, one).batches())[0] for one in trials]
    for member, x in enumerate(alone):
        np.testing.assert_array_equal(made.pool.x[chosen[:, member]], x)


def test_splits_are_drawn_once_and_again_only_for_more_examples(digits):
    splits = Splits(digits)
    key = key_of(trial())
    small = splits.largest({key: 20})[key]
    assert splits.largest({key: 10})[key] is small
    large = splits.largest({key: 40})[key]
    np.testing.assert_array_equal(large.train.x[:20], small.train.x)
    np.testing.assert_array_equal(large.validation.x, small.validation.x)
