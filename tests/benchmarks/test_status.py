"""`python -m benchmarks status`: what a results folder holds."""

from types import SimpleNamespace

import pytest

from benchmarks import status
from benchmarks.__main__ import main
from benchmarks.harness.leases import Leases
from benchmarks.harness.spec import Record
from benchmarks.harness.store import Store, now
from benchmarks.mnist_dropout import EXPERIMENT

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


@pytest.fixture
def trials():
    choices = {"sweep": "n"}
    return [*EXPERIMENT.expand("smoke", MNIST, seed=0, repetitions=2, choices=choices)]


def test_done_failed_missing_and_in_training_are_counted(tmp_path, trials, capsys):
    place = tmp_path / "mnist_dropout"
    for trial in trials[:12]:
        Store(place).append(Record(trial, "ok", finished=now()))
    Store(place).append(Record(trials[12], "error", finished=now()))
    with Leases(place / "leases") as leases:
        leases.take([trial.key for trial in trials[13:16]])
        assert main(["status", "--out", str(tmp_path)]) == 0
        lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["mnist_dropout", "MNIST", "smoke", "0", "12", "1", "7"]
    assert lines[-1] == "mnist_dropout: 3 in training by 1 process"
    assert main(["status", "--out", str(tmp_path)]) == 0
    assert "in training" not in capsys.readouterr().out


def test_an_empty_or_missing_folder_is_reported(tmp_path, capsys):
    assert status.main(["--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no records in {tmp_path}\n"
    with pytest.raises(SystemExit, match="2"):
        status.main(["--out", str(tmp_path / "none")])


def test_an_unknown_command_is_an_error_with_a_suggestion(capsys):
    for name, told in [
        ("mnist_dropuot", "Did you mean python -m benchmarks.mnist_dropout?"),
        ("mnist_dropout", "python -m benchmarks.mnist_dropout"),
        ("nope", "there is no command 'nope'"),
    ]:
        with pytest.raises(SystemExit, match="2"):
            main([name])
        assert told in capsys.readouterr().err
