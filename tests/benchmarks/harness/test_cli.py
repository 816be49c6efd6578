"""The command line, run as users run it: in processes, interrupted and killed for real."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.harness import cli
from benchmarks.harness.store import Store
from benchmarks.mnist_dropout import EXPERIMENT

COMMAND = [sys.executable, "-m", "benchmarks.mnist_dropout"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SMOKE = ["--profile", "smoke", "--dataset", "digits"]


@pytest.fixture
def start(tmp_path):
    """Starts the smoke profile on digits into tmp_path; killed at the end if it still runs.

    By default it runs one trial after another, so that a test can stop a sweep half-way.
    """
    started = []
    # Reset the handlers, because processes inherit ignored signals. The background jobs of a shell
    # ignore SIGINT, and those of nohup SIGHUP.
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*flags):
        process = subprocess.Popen(
            [*COMMAND, *SMOKE, "--out", str(tmp_path), "--executor", "in-process", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "mnist_dropout")


def finish(process):
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def usage(*flags, **environment):
    """A command that ends before any training."""
    return subprocess.run(
        [*COMMAND, *flags],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def wait_for_trials(process, count):
    lines = (line for line in process.stderr if line.startswith("["))
    return [next(lines) for _ in range(count)]


def keys_of_all_records(store):
    shards = sorted(store.records_folder.glob("*.jsonl"))
    lines = [line for shard in shards for line in shard.read_text().splitlines()]
    return [json.loads(line)["key"] for line in lines]


slow = pytest.mark.slow


@pytest.mark.parametrize("dataset", ["digits", pytest.param("mnist", marks=pytest.mark.exhaustive)])
def test_killed_half_way_and_run_again_it_completes_without_doing_a_trial_twice(
    start, store, dataset, request, tmp_path, capsys
):
    flags, title, size = [], "digits-8x8-scikit-learn", 300
    if dataset == "mnist":
        folder = request.getfixturevalue("shared_data") / "mnist"
        flags, title, size = ["--dataset", "mnist", "--data-dir", str(folder)], "mnist", 1000
    first = start(*flags)
    wait_for_trials(first, 3)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    kept = store.done_keys()
    assert len(kept) >= 3

    code = cli.main(
        EXPERIMENT, [*SMOKE, "--out", str(tmp_path), "--executor", "in-process", *flags]
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert f"{len(kept)} done before, {10 - len(kept)} to run" in err
    assert len(store.done_keys()) == 10
    assert len(keys_of_all_records(store)) == 10
    # The output names the data set, the smaller sizes, the claim and the paths of the figures.
    for text in (dataset, "NOT the paper's set-up", f"train size {size} (paper profile: 60000)"):
        assert text.lower() in out.lower()
    assert "dropout-rate" in out
    stem = store.folder / f"mnist_dropout-keep-n-{title}-smoke"
    for path in (f"{stem}.png", f"{stem}.svg"):
        assert path in out
        assert os.path.getsize(path) > 1000


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=slow),
        pytest.param(signal.SIGHUP, marks=slow),
    ],
)
def test_ctrl_c_and_similar_signals_say_that_the_same_command_resumes(start, store, number):
    process = start()
    wait_for_trials(process, 1)
    process.send_signal(number)
    code, _, err = finish(process)
    assert code == 130
    assert "the same command resumes" in err
    assert "Traceback" not in err
    assert store.done_keys()


@slow
def test_two_runs_into_one_folder_share_the_trials(start, store):
    """Both runs end with all results, and no trial is trained twice."""
    runs = [finish(process) for process in [start(), start()]]
    for code, out, err in runs:
        assert code == 0, err
        assert "dropout-rate" in out
    assert len(store.done_keys()) == 10
    assert len(keys_of_all_records(store)) == 10
    assert sum(err.count("test error") for _, _, err in runs) == 10


@slow
def test_a_killed_population_run_continues_with_the_untrained_groups(start, store):
    """The sweep of each repetition is a group, whose records are stored together."""
    flags = ["--executor", "population", "--repetitions", "2"]
    first = start(*flags)
    wait_for_trials(first, 10)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert len(store.done_keys()) == 10

    code, out, err = finish(start(*flags))
    assert (code, "10 done before, 10 to run" in err, "dropout-rate" in out) == (0, True, True)
    found = [*store.latest().values()]
    assert [record.environment["members"] for record in found] == [10] * 20
    assert {tuple(record.times) for record in found} == {("startup_s", "point_s")}


def test_flags_after_a_finished_run(start, store, tmp_path, capsys):
    def run(*flags):
        code = cli.main(EXPERIMENT, [*SMOKE, "--out", str(tmp_path), *flags])
        return code, *capsys.readouterr()

    assert run("--quiet") == (0, "", "")

    code, out, err = run("--json")
    result = json.loads(out)
    assert (code, result["trials"], result["failed"]) == (0, 10, 0)
    assert (result["dataset"][:6], result["profile"], result["seed"]) == ("digits", "smoke", 0)
    assert result["claims"]["dropout-rate"]["verdict"] == "inconclusive"  # one seed
    assert "10 done before, 0 to run" in err

    code, out, _ = run("--dry-run")
    assert (code, out.count("done  ")) == (0, 10)
    code, out, _ = run("--dry-run", "--fresh")
    assert (code, out.count("to do  ")) == (0, 10)
    code, out, _ = run("--dry-run", "--repetitions", "2", "--seed", "1")
    assert out.count("to do  ") == 20

    assert run("--quiet") == (0, "", "")

    before = keys_of_all_records(store)
    fresh = start("--fresh")
    wait_for_trials(fresh, 1)
    fresh.send_signal(signal.SIGINT)
    code, _, err = finish(fresh)
    assert (code, "the same command without --fresh resumes" in err) == (130, True)
    assert len(store.done_keys()) < 10
    assert keys_of_all_records(store)[: len(before)] == before


def test_help_names_every_flag():
    out = usage("--help").stdout
    shared = "profile dataset data-dir repetitions seed executor out fresh dry-run json quiet"
    for flag in f"{shared} sweep".split():
        assert f"--{flag}" in out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--repetitions", "0"], "must be a whole number of at least 1. Received: '0'"),
        (["--repetitions", "99999999", "--dry-run"], "must be a whole number of at most 10000"),
        (["--out", ""], "must be the path of a folder. Received: ''"),
        (["--profile", "huge"], "invalid choice: 'huge'"),
        (["--keep", "0.5"], "unrecognized arguments"),
        (["--dataset", "digits", "--out", "/dev/null/x"], "Cannot write results to /dev/null/x"),
        (["--dataset", "mnist", "--data-dir", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_usage_exits_2_and_names_what_was_received(flags, message):
    result = usage(*flags)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_set_too_small_for_the_profile_is_reported_before_training(tmp_path, capsys):
    greedy = {"smoke": replace(EXPERIMENT.profiles["paper"], datasets={})}
    experiment = replace(EXPERIMENT, profiles={**EXPERIMENT.profiles, **greedy})
    flags = ["--profile", "smoke", "--dataset", "digits", "--out", str(tmp_path / "out")]
    assert cli.main(experiment, flags) == 2
    assert "Received: 60000 + 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_backend_that_cannot_be_imported_is_bad_usage(tmp_path):
    result = usage(*SMOKE, "--out", str(tmp_path), KERAS_BACKEND="abacus")
    assert result.returncode == 2
    assert "Keras cannot be imported with its backend" in result.stderr
    assert "Traceback" not in result.stderr


def test_auto_falls_back_to_digits_and_says_so_in_one_line(tmp_path):
    """There is no MNIST anywhere, and no host can be reached."""
    result = usage(
        *["--profile", "smoke", "--dry-run", "--out", str(tmp_path)],
        HOME=str(tmp_path),
        KERAS_HOME=str(tmp_path),
        KERAS_DDL_DATA="",
        TFDS_DATA_DIR=str(tmp_path),
        https_proxy="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )
    assert result.returncode == 0
    assert [line for line in result.stderr.splitlines() if "digits" in line and "MNIST" in line]
    assert "10 trials on digits" in result.stdout


def test_a_failing_trial_exits_1_and_is_tried_again(tmp_path, capsys):
    def broken(trial, input_shape, num_classes):
        raise RuntimeError("this machine is tired")

    flags = ["--profile", "smoke", "--dataset", "digits", "--out", str(tmp_path)]
    experiment = replace(EXPERIMENT, work=replace(EXPERIMENT.work, build=broken))
    assert cli.main(experiment, flags) == 1
    err = capsys.readouterr().err
    assert err.count("RuntimeError: this machine is tired") == 11  # ten lines, and once in full
    assert "10 of 10 trials failed" in err
    failed = [*Store(tmp_path / "mnist_dropout").latest().values()]
    assert all(record.environment["executor"] == "population" for record in failed)
    errors = "".join(record.error for record in failed)
    assert sys.prefix not in errors
    assert os.getcwd() not in errors
    assert cli.main(EXPERIMENT, [*flags, "--dry-run"]) == 0
    assert "10 to run" in capsys.readouterr().out
