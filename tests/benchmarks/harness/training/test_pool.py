"""Batches: every example once in a pass, in an order of the seed, shared or side by side."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness import data
from benchmarks.harness.training.pool import batches, pooled


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


def test_a_set_that_members_share_is_pooled_without_a_copy():
    examples = numbered(20)
    whole, places = pooled([(examples, 12), (examples, 8)])
    assert np.shares_memory(whole.x, examples.x)
    assert len(whole.y) == 12
    np.testing.assert_array_equal(places[0], np.arange(12))
    np.testing.assert_array_equal(places[1], np.arange(8))


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    members=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=6),
)
def test_every_member_finds_its_examples_in_the_pool_which_holds_each_set_once(sizes, members):
    sets = [
        data.Examples(n + 100 * np.arange(size)[:, None], np.full(size, n))
        for n, size in enumerate(sizes)
    ]
    parts = [(sets[n % len(sets)], min(size, sizes[n % len(sets)])) for n, size in members]
    whole, places = pooled(parts)
    largest = {id(examples): 0 for examples, _ in parts}
    for (examples, size), place in zip(parts, places, strict=True):
        np.testing.assert_array_equal(whole.x[place], examples.x[:size])
        np.testing.assert_array_equal(whole.y[place], examples.y[:size])
        largest[id(examples)] = max(size, largest[id(examples)])
    assert len(whole.x) == len(whole.y) == sum(largest.values())
