"""Arms take turns, and warm-up rounds are not counted."""

import pytest

from benchmarks.costs import turns


class Clock:
    """A clock that only arms advance."""

    def __init__(self):
        self.now, self.called = 0.0, []

    def arm(self, name, takes):
        def call():
            self.called.append(name)
            self.now += takes

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(turns.time, "perf_counter", lambda: clock.now)
    return clock


def test_arms_take_turns_and_the_first_rounds_do_not_count(clock):
    durations = iter([100, 1, 2])

    def a():
        clock.arm("a", next(durations))()

    arms = {"a": a, "b": clock.arm("b", 10)}
    assert turns.take_turns(arms, rounds=2, warm_up=1) == {"a": [1, 2], "b": [10, 10]}
    assert clock.called == ["a", "b"] * 3


def test_a_long_arm_takes_fewer_turns(clock):
    arms = {"a": clock.arm("a", 1), "long": clock.arm("long", 60)}
    spent = turns.take_turns(arms, rounds=4, every={"long": 3})
    assert spent == {"a": [1] * 4, "long": [60] * 2}
    assert clock.called == ["a", "a", "long", "a", "a", "a", "long"]


@pytest.mark.parametrize(("fewest", "rounds"), [(1, 3), (5, 5)])
def test_no_round_begins_after_enough_seconds(clock, fewest, rounds):
    spent = turns.take_turns({"a": clock.arm("a", 1)}, 9, 0, enough=2.5, fewest=fewest)
    assert spent == {"a": [1] * rounds}


def test_a_ratio_is_the_median_over_rounds():
    times = {"one": [2.0, 9.0, 4.0], "other": [1.0, 1.0, 4.0]}
    assert turns.ratio(times, "one", "other") == 2.0
