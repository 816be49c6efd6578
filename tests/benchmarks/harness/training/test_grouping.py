"""Which trials train together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.training.grouping import groups, shard


@pytest.fixture(scope="module")
def stacked(demo):
    """The demo experiment, whose rates can share a step."""
    structure = replace(demo.work, structure=lambda params: {**params, "rate": None})
    return replace(demo, work=structure)


def test_without_a_structure_every_trial_is_alone(demo, make_trial):
    trials = [make_trial(repetition=repetition) for repetition in range(3)]
    assert [*groups(demo, trials, 2, 4)] == [[trial] for trial in trials]


def test_a_group_is_closed_with_the_repetition_that_makes_it_large_enough(stacked, make_trial):
    def trials(repetition, count):
        return [make_trial(rate=rate, repetition=repetition) for rate in range(count)]

    first, second, third = (trials(repetition, 3) for repetition in range(3))
    every = first + second + third
    assert [*groups(stacked, every, enough=3, most=9)] == [first, second, third]
    assert [*groups(stacked, every, enough=4, most=9)] == [first + second, third]
    assert [*groups(stacked, every, enough=7, most=9)] == [every]
    assert [*groups(stacked, every, enough=7, most=7)] == [first + second, third]
    assert [*map(len, groups(stacked, trials(0, 10), enough=4, most=4))] == [3, 3, 4]


@given(
    arms=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 3)), unique=True
    ),
    enough=st.integers(1, 6),
    spare=st.integers(0, 4),
)
def test_every_trial_is_in_one_group_of_its_structure(stacked, make_trial, arms, enough, spare):
    trials = [make_trial(kind=kind, rate=rate, repetition=rep) for kind, rate, rep in arms]
    most = enough + spare
    found = [*groups(stacked, trials, enough, most)]
    assert sorted(t.key for group in found for t in group) == sorted(t.key for t in trials)
    for group in found:
        assert 1 <= len(group) <= most
        assert len({trial.params["kind"] for trial in group}) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_all_trials_once_and_keep_groups_together(stacked, make_trial, count):
    trials = [
        make_trial(rate=rate, repetition=repetition, kind=kind)
        for repetition in range(3)
        for kind in "ab"
        for rate in (0.1, 0.5)
    ]
    parts = [shard(stacked, trials, index, count) for index in range(1, count + 1)]
    assert sorted(t.key for part in parts for t in part) == sorted(t.key for t in trials)
    assert max(map(len, parts)) - min(map(len, parts)) <= 2
    for part in parts:
        groups_of_part = [(t.repetition, t.params["kind"]) for t in part]
        assert all(groups_of_part.count(group) == 2 for group in groups_of_part)
    assert shard(stacked, trials[::-1], 1, count) == parts[0][::-1]
