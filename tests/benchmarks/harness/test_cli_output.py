"""The output of the command line, for an experiment whose executor trains nothing."""

import contextlib
import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.harness import cli
from benchmarks.harness.results.run_report import Report
from benchmarks.harness.spec import Record
from benchmarks.harness.store import Store, StoreError, now

DATA = SimpleNamespace(
    name="mnist", title="MNIST", fingerprint="sha256:0", source="here", y_train=[0] * 60_000
)


def instant(experiment, trials, dataset, progress, claim, **options):
    for trial in claim(list(trials)):
        error = 10 * trial.params["rate"] + trial.repetition
        yield Record(
            trial,
            "ok",
            finished=now(),
            metrics={"test_error": error, "train_error": 1.0},
            curves={"updates": [1, 2], "loss": [2.0, 1.0]},
        )


@pytest.fixture
def run(demo, tmp_path, monkeypatch, capsys):
    """Runs the demo experiment; returns the exit code and what stood on both streams."""
    monkeypatch.setattr(Report, "draw", lambda self, folder: [])
    sizes = {"validation_size": 0, "updates": 30}
    profiles = {
        name: replace(profile, settings={**profile.settings, **sizes})
        for name, profile in demo.profiles.items()
    }
    experiment = replace(demo, profiles=profiles, load=lambda folder: DATA)

    def run(*flags, executor=instant):
        monkeypatch.setitem(cli.EXECUTORS, "auto", executor)
        code = cli.main(experiment, ["--out", str(tmp_path), *flags])
        return code, *capsys.readouterr()

    return run


def test_json_holds_what_the_tables_show(run):
    code, out, _ = run("--json", "--quiet")
    (table,) = json.loads(out)["tables"]
    assert code == 0
    assert table["columns"][:4] == ["rate p", "test error %", "train error %", "seeds"]
    assert [row[:2] for row in table["rows"]] == [[0.1, "2.00 ± 2.48"], [0.5, "6.00 ± 2.48"]]
    assert "MNIST" in table["title"]
    assert "train size 500" in table["setting"]
    arm = table["arms"][1]
    assert (arm["rate"], arm["seeds"], arm["diverged"]) == (0.5, 3, 0)
    assert arm["metrics"]["test_error"]["mean"] == pytest.approx(6)
    assert arm["metrics"]["test_error"]["high"] == pytest.approx(8.48, abs=0.01)


def test_a_dry_run_can_be_quiet_or_json(run):
    assert run("--dry-run", "--quiet") == (0, "", "")
    code, out, _ = run("--dry-run", "--json")
    plan = json.loads(out)
    assert (code, plan["trials"], plan["done"], plan["to_run"]) == (0, 6, 0, 6)
    assert {entry["params"]["rate"] for entry in plan["plan"]} == {0.1, 0.5}
    run("--quiet")
    assert json.loads(run("--dry-run", "--json")[1])["done"] == 6
    assert json.loads(run("--dry-run", "--json", "--fresh")[1])["to_run"] == 6


def test_no_line_is_wider_than_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = run()
    table = out.partition("records: ")[0]
    assert max(map(len, table.splitlines())) <= 60
    assert "paper: test error %" in table


def test_a_trial_that_leaves_no_record_is_an_error(run):
    def forgetful(*arguments, **options):
        yield from [*instant(*arguments, **options)][1:]

    code, _, err = run(executor=forgetful)
    assert code == 1
    assert "error: 1 of 6 trials left no record" in err
    assert run("--json", executor=lambda *arguments, **options: iter(()))[0] == 1
    assert run()[0] == 0


def test_a_finished_result_is_shown_where_nothing_can_be_written(run, monkeypatch):
    run("--quiet")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    def refused(store):
        raise StoreError("Only 0 MiB are free")

    monkeypatch.setattr(Report, "draw", full)
    monkeypatch.setattr(Store, "check_writable", refused)
    code, out, err = run()
    assert code == 0
    assert "6.00 ± 2.48" in out
    assert "note: the figures cannot be written: [Errno 28]" in err
    assert run("--repetitions", "4")[0] == 2


def test_a_swallowed_interrupt_ends_the_run_after_the_record(run, tmp_path):
    def native(experiment, trials, dataset, progress, claim, **options):
        for record in instant(experiment, trials, dataset, progress, claim):
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
            yield record

    code, _, err = run(executor=native)
    assert (code, "the same command resumes" in err) == (130, True)
    assert len(Store(tmp_path / "demo").done_keys()) == 1
    assert not (tmp_path / "demo" / "leases").exists()


def test_shards_are_parts_of_the_trials(run):
    plans = [json.loads(run("--dry-run", "--json", "--shard", f"{i}/2")[1]) for i in (1, 2)]
    keys = [{entry["key"] for entry in plan["plan"]} for plan in plans]
    assert [len(part) for part in keys] == [3, 3]
    assert not keys[0] & keys[1]
    assert run("--shard", "9/9")[0] == 0
    for odd in ("0/2", "3/2", "1", "a/b"):
        with pytest.raises(SystemExit, match="2"):
            run("--shard", odd)


def test_a_dry_run_predicts_how_long_several_machines_take(run):
    def timed(*arguments, **options):
        for record in instant(*arguments, **options):
            yield replace(record, times={"startup_s": 60.0, "point_s": 20.0})

    assert "no group in the results folder was timed" in run("--dry-run", "--nodes", "1")[1]
    run("--quiet", executor=timed)
    flags = ["--dry-run", "--repetitions", "6", "--nodes", "1,3"]
    _, out, _ = run(*flags)
    assert "1 measured group of profile quick" in out
    prediction = json.loads(run(*flags, "--json")[1])["nodes"]
    # Six trials are left, each of them a group that takes 60 s and three points of 20 s.
    assert [row["hours"] for row in prediction["rows"]] == pytest.approx([0.2, 0.2 / 3], rel=1e-2)
    assert [row["nodes"] for row in prediction["rows"]] == [1, 3]
    assert "nothing is left to run" in run("--dry-run", "--nodes", "1")[1]


@pytest.mark.parametrize(
    ("flag", "values"),
    [("--nodes", ("0", "1,", "two")), ("--gpus-per-group", ("-1", "0.3", "nan", "inf", "one"))],
)
def test_impossible_numbers_of_nodes_and_gpus_are_bad_usage(run, capsys, flag, values):
    for value in values:
        with pytest.raises(SystemExit, match="2"):
            run("--dry-run", f"{flag}={value}")
        assert f"Received: {value!r}" in capsys.readouterr().err
