"""Arms take turns, and warm-up rounds are not counted."""

from benchmarks.costs import turns


def test_arms_take_turns_and_the_first_rounds_do_not_count(monkeypatch):
    now, called = [0.0], []
    monkeypatch.setattr(turns.time, "perf_counter", lambda: now[0])

    def arm(name, takes):
        def call():
            called.append(name)
            now[0] += takes * len(called)

        return call

    found = turns.take_turns({"a": arm("a", 1), "b": arm("b", 10)}, rounds=2, warm_up=1)
    assert called == ["a", "b"] * 3
    assert found == {"a": [3, 5], "b": [40, 60]}
