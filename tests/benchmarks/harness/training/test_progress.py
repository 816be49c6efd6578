"""Progress: lines to a file, a bar to a real terminal, nothing to standard output."""

import os
import pty
import re
import subprocess
import sys

import pytest

import benchmarks
from benchmarks.harness.training.progress import Progress

ROOT = os.path.dirname(os.path.dirname(benchmarks.__file__))


@pytest.fixture
def report_all(demo, make_record, capsys):
    """Reports records one after another, and returns the text on standard error."""

    def run(records, quiet=False):
        with Progress(len(records), demo.label, quiet) as progress:
            for record in records:
                progress.within_trial(1, 2)
                progress.finished(record)
        out, err = capsys.readouterr()
        assert out == ""
        return err.splitlines()

    return run


def test_off_a_terminal_every_trial_leaves_a_line(report_all, make_record):
    first, second = report_all([make_record(1.234), make_record(2.0, repetition=1)])
    assert re.fullmatch(
        r"\[1/2\] kind a, rate 0.5, repetition 0: test error 1.23 %, about \d+ s left", first
    )
    assert re.fullmatch(
        r"\[2/2\] kind a, rate 0.5, repetition 1: test error 2.00 %, about 0 s left", second
    )


def test_divergence_and_failure_are_reported_differently(report_all, make_record):
    diverged, failed = report_all([make_record(status="diverged"), make_record(status="error")])
    assert "repetition 0: diverged (n/c)," in diverged
    assert "repetition 0: failed: ValueError: no such thing," in failed


def test_quiet_reports_nothing(report_all, make_record):
    assert report_all([make_record(), make_record(status="error")], quiet=True) == []


ON_A_TERMINAL = """
from dataclasses import dataclass
from benchmarks.harness.training.progress import Progress
from benchmarks.harness.spec import Record, Trial
trial = Trial("demo", 1, "quick", "MNIST", "sha256:0", 0, 0, {})
with Progress(3, lambda trial: "an arm") as progress:
    progress.within_trial(1, 2)
    progress.finished(Record(trial, "ok", "", metrics={"test_error": 1.5}))
    progress.finished(Record(trial, "diverged", ""))
    progress.finished(Record(trial, "error", "", error="ValueError: odd [red] and [/tmp] here"))
"""


@pytest.fixture(scope="module")
def terminal():
    """The text that a real terminal shows for three trials, without control sequences."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        cwd=ROOT,
        env=environment,
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(master)
    out, _ = process.communicate()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    return process.returncode, out, text


def test_on_a_terminal_there_is_a_bar_that_fills(terminal):
    _, out, text = terminal
    assert out == b""
    assert "3/3" in text
    assert "time left" in text
    assert "[1/3]" not in text


def test_on_a_terminal_only_trouble_leaves_a_line(terminal):
    _, _, text = terminal
    assert "an arm: diverged (n/c)" in text
    assert "test error" not in text


def test_brackets_in_an_error_are_shown_as_they_are(terminal):
    code, _, text = terminal
    assert "an arm: failed: ValueError: odd [red] and [/tmp] here" in text
    assert code == 0


def test_a_group_says_something_before_its_end(demo, make_record, make_trial, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.harness.training.progress.INTERVAL", 0.0)
    with Progress(4, demo.label) as progress:
        progress.begins([make_trial(), make_trial(rate=0.1)])
        progress.within_trial(1, 2)  # half a trial is done, which is a quarter of the group
        begun, within = capsys.readouterr().err.splitlines()
    assert begun == "training 2 trials together"
    assert re.fullmatch(r"25% of these 2 trials, 0 of 4 done, about \d+ s left", within)


def test_the_time_left_counts_the_whole_group_that_was_trained(
    demo, make_record, make_trial, capsys, monkeypatch
):
    """A group's records come at once. After the first, the estimate must use the whole group."""
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("benchmarks.harness.training.progress.time.monotonic", lambda: now[0])
    now = [next(clock)]
    with Progress(4, demo.label) as progress:
        progress.begins([make_trial(), make_trial(rate=0.1)])
        now[0] = 10
        progress.within_trial(2, 1)
        progress.finished(make_record())
        progress.finished(make_record(rate=0.1))
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert first.endswith("about 10 s left")
    assert second.endswith("about 10 s left")


def test_trials_that_other_processes_finish_are_subtracted_from_the_total(
    demo, make_record, capsys
):
    with Progress(4, demo.label) as progress:
        progress.elsewhere(2)
        progress.finished(make_record())
    assert capsys.readouterr().err.startswith("[1/2] ")


def test_groups_and_nodes_are_reported_when_their_numbers_change(demo, capsys):
    progress = Progress(3, demo.label)
    for nodes, groups in [(2, 3), (2, 3), (1, 1)]:
        progress.spread(nodes, groups)
    assert capsys.readouterr().err.splitlines() == [
        "in training: 3 groups on 2 nodes",
        "in training: 1 group on 1 node",
    ]
