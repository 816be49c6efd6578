import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness import data


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def identify(dataset):
    """Returns the dataset with the number of each image written into its first pixels."""
    x = dataset.x_train.copy()
    x[:, 0, :2, 0] = np.stack(np.divmod(np.arange(len(x)), 256), 1)
    return dataclasses.replace(dataset, x_train=x, maximum=1)


def numbers(examples):
    return (examples.x[:, 0, 0, 0] * 256 + examples.x[:, 0, 1, 0]).astype(int).tolist()


@given(st.integers(0, 1437), st.integers(0, 1437), st.integers(0, 300), st.integers(0, 9))
def test_training_sets_are_nested_and_validation_stays(digits, one, two, validation_size, seed):
    dataset = identify(digits)
    small, large = sorted(min(size, 1437 - validation_size) for size in (one, two))

    a = data.split(dataset, train_size=small, validation_size=validation_size, seed=seed)
    b = data.split(dataset, train_size=large, validation_size=validation_size, seed=seed)

    assert numbers(a.train) == numbers(b.train)[:small]
    assert numbers(a.validation) == numbers(b.validation)
    assert len(a.validation.y) == validation_size
    assert not set(numbers(b.train)) & set(numbers(b.validation))


def test_sizes_types_and_scale(digits):
    split = data.split(digits, train_size=100, validation_size=50, test_size=30, seed=1)

    for examples, size in ((split.train, 100), (split.validation, 50), (split.test, 30)):
        assert examples.x.shape == (size, 8, 8, 1)
        assert examples.x.dtype == np.float32
        assert (examples.x.min(), examples.x.max()) == (0, 1)
        assert examples.y.shape == (size,)
        assert examples.y.dtype == np.int64
        np.testing.assert_allclose(np.bincount(examples.y), size / 10, atol=1)


def test_by_default_all_is_used_and_the_test_set_keeps_its_order(digits):
    split = data.split(digits, validation_size=37, seed=0)

    assert (len(split.train.y), len(split.validation.y)) == (1400, 37)
    np.testing.assert_array_equal(split.test.x * 16, digits.x_test)
    np.testing.assert_array_equal(split.test.y, digits.y_test)


def test_images_keep_their_labels(digits):
    split = data.split(identify(digits), seed=5)

    np.testing.assert_array_equal(split.train.y, digits.y_train[numbers(split.train)])


def test_the_seed_decides(digits):
    sets = [data.split(digits, train_size=200, test_size=50, seed=s) for s in (0, 0, 1)]
    same, again, other = ((s.train.x, s.test.x) for s in sets)

    for one, two, three in zip(same, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train_size": 1400, "validation_size": 38}, r"at most 1437.*Received: 1400 \+ 38"),
        ({"validation_size": 1438}, r"at most 1437.*Received: 0 \+ 1438"),
        ({"train_size": -1}, r"Received: -1 \+ 0"),
        ({"train_size": 5, "validation_size": -1}, r"Received: 5 \+ -1"),
        ({"test_size": 361}, "test_size from 0 to 360. Received: 361"),
        ({"test_size": -1}, "Received: -1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(digits, sizes, message):
    with pytest.raises(data.DataError, match=message):
        data.split(digits, **sizes, seed=0)
