"""Executors: a record for every trial, whatever happens in it."""

import pytest

from benchmarks.harness.executors import EXECUTORS
from benchmarks.harness.progress import Progress
from benchmarks.harness.spec import Record
from benchmarks.harness.store import now


@pytest.fixture
def run(demo, mnist, make_trial, monkeypatch):
    """Runs trials in process, with `train` in the place of Keras' part."""
    from benchmarks.harness import train as module

    def run(train, count):
        train.environment = {"device": "x"}
        monkeypatch.setattr(module, "Trainer", lambda experiment, dataset: train)
        trials = [make_trial(repetition=repetition) for repetition in range(count)]
        progress = Progress(count, demo.label, quiet=True)
        return EXECUTORS["in-process"](demo, trials, mnist, progress)

    return run


def test_records_come_one_by_one_and_name_the_executor(run):
    trained = []

    def train(trial, on_point):
        trained.append(trial.repetition)
        return Record(trial, "ok", finished=now(), environment={"device": "x"})

    records = run(train, 3)
    assert next(records).environment == {"device": "x", "executor": "in-process"}
    assert trained == [0]  # the next trial waits until this record is stored
    assert [record.trial.repetition for record in records] == [1, 2]


def test_a_trial_that_raises_leaves_an_error_record_and_the_rest_run(run):
    def train(trial, on_point):
        if trial.repetition == 0:
            raise ZeroDivisionError("no such number")
        return Record(trial, "ok", finished=now())

    failed, fine = run(train, 2)
    assert (failed.status, failed.done) == ("error", False)
    assert "ZeroDivisionError: no such number" in failed.error
    assert failed.environment == {"device": "x", "executor": "in-process"}
    assert failed.times["wall_s"] >= 0
    assert fine.done


def test_an_interrupt_is_no_error_of_the_trial(run):
    def train(trial, on_point):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(train, 1))
