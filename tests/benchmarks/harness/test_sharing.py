"""Processes that use one folder share its trials."""

import threading
import time
from dataclasses import replace

import pytest

from benchmarks.harness import sharing
from benchmarks.harness.leases import Leases
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store, now

TRIALS = [Trial("demo", 1, "quick", "MNIST", "sha256:0", 0, n, {"keep": 0.5}) for n in range(8)]


def executor(trained, size=2, status="ok", stop=lambda: None):
    """Trains groups of `size`, and lists the trials that it trained."""

    def execute(trials, claim):
        for start in range(0, len(trials), size):
            for trial in claim(trials[start : start + size]):
                stop()
                trained.append(trial.repetition)
                yield Record(trial, status, finished=now())

    return execute


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the trials as a separate process would, with its own store and leases."""
    monkeypatch.setattr(sharing, "POLL", 0.01)

    def run(execute, notes=None, elsewhere=lambda count: None):
        notes = [] if notes is None else notes
        with Leases(tmp_path / "leases") as leases:
            return [
                *sharing.run(
                    execute,
                    TRIALS,
                    Store(tmp_path),
                    leases,
                    notify=notes.append,
                    elsewhere=elsewhere,
                )
            ]

    return run


def test_alone_all_trials_are_trained_in_order(run, tmp_path):
    trained = []
    assert len(run(executor(trained))) == 8
    assert trained == [*range(8)]
    assert len(Store(tmp_path).done_keys()) == 8


def test_trials_of_another_process_are_waited_for_and_counted(run, tmp_path):
    trained, notes, counts = [], [], []
    with Leases(tmp_path / "leases") as other:
        other.take([trial.key for trial in TRIALS[2:4]])

        def finish():
            while not notes:
                time.sleep(0.01)
            for trial in TRIALS[2:4]:
                Store(tmp_path).append(Record(trial, "ok", finished=now()))
            other.release([trial.key for trial in TRIALS[2:4]])

        thread = threading.Thread(target=finish)
        thread.start()
        run(executor(trained), notes, counts.append)
        thread.join()
    assert trained == [0, 1, 4, 5, 6, 7]
    assert sum(counts) == 2
    assert notes == ["waiting for 2 trials that other processes are training"]


def test_trials_that_another_process_gives_up_are_trained_here(run, tmp_path):
    trained = []
    with Leases(tmp_path / "leases") as other:
        other.take([trial.key for trial in TRIALS[:2]])

        def give_up():
            while len(trained) < 6:
                time.sleep(0.01)
            other.release([trial.key for trial in TRIALS[:2]])

        thread = threading.Thread(target=give_up)
        thread.start()
        run(executor(trained))
        thread.join()
    assert trained == [2, 3, 4, 5, 6, 7, 0, 1]


def test_a_new_error_of_another_process_is_not_tried_again_here(run, tmp_path):
    trained = []
    Store(tmp_path).append(Record(TRIALS[5], "error", finished=now(), error="before"))

    def another_fails():
        if not trained:
            Store(tmp_path).append(Record(TRIALS[7], "error", finished=now(), error="now"))

    run(executor(trained, stop=another_fails))
    assert trained == [0, 1, 2, 3, 4, 5, 6]


def test_errors_of_this_process_are_recorded_and_not_repeated(run):
    trained = []
    assert len(run(executor(trained, status="error"))) == 8
    assert trained == [*range(8)]


def test_a_record_of_a_trial_that_another_process_took_over_is_not_stored(run, tmp_path):
    """As after a long suspension: another process has trained the trial, or will train it."""
    trained, notes = [], []

    def lose():
        if trained == [0]:
            for path in (tmp_path / "leases").glob(f"{TRIALS[1].key}.*"):
                path.unlink()
            Store(tmp_path).append(Record(TRIALS[1], "ok", finished=now(), metrics={"a": 1.0}))

    run(executor(trained, stop=lose), notes)
    lines = [*(tmp_path / "records").glob("*.jsonl")]
    assert sum(len(path.read_text().splitlines()) for path in lines) == 8
    assert Store(tmp_path).latest()[TRIALS[1].key].metrics == {"a": 1.0}
    assert notes == ["note: another process took over a trial that took too long here"]


def test_trials_that_an_executor_drops_do_not_hang_the_run(run, tmp_path):
    def forgetful(trials, claim):
        for record in executor([])(trials, claim):
            if record.trial.repetition != 3:
                yield replace(record)

    assert len(run(forgetful)) == 7
    assert len(Store(tmp_path).done_keys()) == 7
    assert not (tmp_path / "leases").exists()
