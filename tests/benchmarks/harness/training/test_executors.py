"""Executors: every trial leaves a record, even if it fails."""

import time
from dataclasses import replace

import pytest

from benchmarks.harness.spec import Record
from benchmarks.harness.store import now
from benchmarks.harness.training.executors import EXECUTORS
from benchmarks.harness.training.progress import Progress


@pytest.fixture
def run(demo, mnist, make_trial, monkeypatch):
    """Runs trials, with `train` in place of the trainer that uses Keras."""
    from benchmarks.harness.training import trainer as module

    def run(train, count, executor="in-process", structure=None):
        train.environment = {"device": "x"}
        monkeypatch.setattr(module, "Trainer", lambda experiment, dataset: train)
        trials = [make_trial(repetition=repetition) for repetition in range(count)]
        progress = Progress(count, demo.label, quiet=True)
        experiment = replace(demo, work=replace(demo.work, structure=structure))
        return EXECUTORS[executor](experiment, trials, mnist, progress)

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


class Together:
    """A trainer that runs out of memory for groups of more than `room` members."""

    def __init__(self, room, error=MemoryError):
        self.room = room
        self.error = error
        self.trained = []

    def __call__(self, trial, on_point):
        return self.together([trial], on_point)[0]

    def together(self, trials, on_point):
        if len(trials) > self.room:
            raise self.error("no room")
        self.trained.append(len(trials))
        return [Record(trial, "ok", finished=now()) for trial in trials]


@pytest.mark.parametrize("executor", ["population", "auto"])
def test_trials_of_one_structure_train_together(run, executor, monkeypatch):
    from benchmarks.harness.training import backend as module

    monkeypatch.setattr(module, "name", lambda: "jax")
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    train = Together(room=100)
    records = [*run(train, 10, executor, structure=dict)]
    assert train.trained == [8, 2]
    members = [record.environment["members"] for record in records]
    assert members == [8] * 8 + [2] * 2
    assert {record.environment["executor"] for record in records} == {"population"}
    assert [record.trial.repetition for record in records] == [*range(10)]


@pytest.mark.parametrize(("structure", "backend"), [(None, "jax"), (dict, "torch")])
def test_where_populations_are_not_faster_auto_trains_one_after_another(
    run, structure, backend, monkeypatch
):
    from benchmarks.harness.training import backend as module

    monkeypatch.setattr(module, "name", lambda: backend)
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    train = Together(room=1)
    records = [*run(train, 3, "auto", structure)]
    assert train.trained == [1, 1, 1]
    assert {record.environment["executor"] for record in records} == {"in-process"}


class ResourceExhaustedError(Exception):
    """An error that is named like TensorFlow's."""


@pytest.mark.parametrize("error", [MemoryError, ResourceExhaustedError])
def test_a_group_that_does_not_fit_is_halved(run, error):
    train = Together(room=3, error=error)
    records = [*run(train, 8, "population", structure=dict)]
    assert train.trained == [2, 2, 2, 2]
    assert [record.trial.repetition for record in records] == [*range(8)]


def test_a_group_that_raises_leaves_an_error_record_of_each_trial(run):
    records = [*run(Together(room=3, error=ZeroDivisionError), 4, "population", structure=dict)]
    assert [record.status for record in records] == ["error"] * 4
    assert all("ZeroDivisionError: no room" in record.error for record in records)
    assert all(record.times == {} for record in records)


def test_records_have_the_pace_of_their_group(run):
    class Points(Together):
        def together(self, trials, on_point):
            for point in range(1, 4):
                time.sleep(0.01)
                on_point(point, 3)
            return super().together(trials, on_point)

    records = [*run(Points(room=8), 8, "population", structure=dict)]
    (times,) = {tuple(record.times.items()) for record in records}
    assert dict(times)["point_s"] > 0.01
    assert dict(times)["startup_s"] >= 0
