"""Batches: every example once in a pass, in an order of the seed, shared or side by side."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness import data
from benchmarks.harness.batches import batches, batches_together


def numbered(count):
    """Examples that hold their own number."""
    return data.Examples(np.arange(count, dtype="float32")[:, None], np.arange(count))


@given(count=st.integers(1, 30), batch_size=st.integers(1, 30), seed=st.integers(0, 2**31 - 1))
def test_every_pass_visits_examples_once_in_an_order_of_the_seed(count, batch_size, seed):
    batch_size = min(batch_size, count)
    examples = numbered(count)
    stream, again = (batches(examples, batch_size, seed) for _ in range(2))
    for _ in range(3):
        drawn = list(itertools.islice(stream, count // batch_size))
        seen = np.concatenate([y for _, y in drawn])
        assert len(set(seen)) == len(seen) == count // batch_size * batch_size
        for x, y in drawn:
            np.testing.assert_array_equal(x[:, 0], y)
            np.testing.assert_array_equal(y, next(again)[1])


def test_members_that_see_the_same_share_their_batches():
    stream = [("same", batches(numbered(20), 4, seed=1)) for _ in range(3)]
    alone = batches(numbered(20), 4, seed=1)
    for (x, y), (x_alone, y_alone) in itertools.islice(
        zip(batches_together(stream), alone, strict=True), 12
    ):
        np.testing.assert_array_equal(x, x_alone)
        np.testing.assert_array_equal(y, y_alone)


def test_members_that_see_other_data_have_it_side_by_side():
    sizes, names = (20, 8, 20), ("all", "few", "all")
    streams = [(n, batches(numbered(s), 4, seed=1)) for n, s in zip(names, sizes, strict=True)]
    alone = [batches(numbered(size), 4, seed=1) for size in sizes]
    for x, y in itertools.islice(batches_together(streams), 12):
        assert x.shape == (4, 3, 1)
        for member, stream in enumerate(alone):
            x_alone, y_alone = next(stream)
            np.testing.assert_array_equal(x[:, member], x_alone)
            np.testing.assert_array_equal(y[:, member], y_alone)
