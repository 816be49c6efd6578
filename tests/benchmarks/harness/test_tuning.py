"""The tuned value of an arm."""

from types import SimpleNamespace

from benchmarks.harness.tuning import best


def record(rate, loss=None, arm="a"):
    params = {"rate": rate, "arm": arm}
    metrics = {} if loss is None else {"loss": loss}
    trial = SimpleNamespace(params=params)
    return SimpleNamespace(
        trial=trial, status="diverged" if loss is None else "ok", metrics=metrics
    )


def test_the_lowest_mean_over_seeds_is_chosen():
    found = [record(0.1, 1.0), record(0.1, 4.0), record(0.2, 2.0), record(0.2, 2.5)]
    assert best(found, "loss", "rate") == 0.2


def test_a_value_with_which_a_run_diverged_is_ruled_out():
    found = [record(0.1, 3.0), record(0.2, 1.0), record(0.2)]
    assert best(found, "loss", "rate") == 0.1
    assert best([record(0.2)], "loss", "rate") is None
    assert best([], "loss", "rate") is None


def test_other_arms_do_not_count():
    found = [record(0.1, 1.0), record(0.2, 0.5, arm="b")]
    assert best(found, "loss", "rate", arm="a") == 0.1
