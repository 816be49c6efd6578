"""Records on disk: kills and failing disks lose no record and corrupt none."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.records import decode
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store, StoreError, now

TRIAL = Trial("demo", 1, "quick", "MNIST", "sha256:0", 0, 0, {"keep": 0.5, "widths": [8, 8]})


def trial(repetition):
    return replace(TRIAL, repetition=repetition)


def record(repetition=0, status="ok", **fields):
    return Record(trial(repetition), status, finished=now(), **fields)


WRITER = """
import sys
from dataclasses import replace
from benchmarks.harness.store import Store
from tests_store import record
store = Store(sys.argv[1])
for repetition in range(int(sys.argv[2]), int(sys.argv[3])):
    store.append(record(repetition, curves={"loss": [0.5] * 2000}))
    print(repetition, flush=True)
"""


@pytest.fixture
def start_writer(tmp_path):
    """Starts a real process that appends records `first` to `last` and prints each when stored."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "tests_store.py").write_text(Path(__file__).read_text())
    path = os.pathsep.join([str(folder), os.getcwd()])
    started = []

    def start(first, last):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path / "out", str(first), str(last)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_record_comes_back_as_it_went(tmp_path):
    written = record(
        metrics={"test_error": 1.25},
        curves={"loss": [2.0, 1.0]},
        times={"wall_s": 3.5},
        environment={"packages": {"keras": "3"}, "commit": None},
        error="none",
    )
    Store(tmp_path).append(written)
    assert Store(tmp_path).latest() == {TRIAL.key: written}


def test_nan_and_infinity_survive_as_nan(tmp_path):
    Store(tmp_path).append(record(status="diverged", curves={"loss": [1.0, math.inf, math.nan]}))
    (read,) = Store(tmp_path).latest().values()
    assert read.curves["loss"][0] == 1.0
    assert all(map(math.isnan, read.curves["loss"][1:]))


finite = st.floats(-1e30, 1e30, allow_subnormal=False)


@settings(max_examples=30, deadline=None)
@given(
    metrics=st.dictionaries(st.text(min_size=1), finite),
    params=st.dictionaries(st.text(), st.none() | st.integers() | finite | st.text()),
)
def test_any_names_and_numbers_round_trip_to_six_digits(tmp_path_factory, metrics, params):
    folder = tmp_path_factory.mktemp("store")
    written = Record(replace(TRIAL, params=params), "ok", finished=now(), metrics=metrics)
    Store(folder).append(written)
    (read,) = Store(folder).latest().values()
    assert read.trial == written.trial
    assert read.metrics == pytest.approx(metrics, rel=1e-5)


@pytest.mark.parametrize(
    ("statuses", "done"),
    [
        (["ok"], True),
        (["diverged"], True),
        (["error"], False),
        (["error", "ok"], True),
        (["ok", "error"], True),
        (["ok", "superseded"], False),
        (["ok", "superseded", "ok"], True),
    ],
)
def test_which_trials_are_done(tmp_path, statuses, done):
    store = Store(tmp_path)
    for second, status in enumerate(statuses):
        store.append(replace(record(status=status), finished=f"2026-01-01T00:00:0{second}+00:00"))
    assert store.done_keys() == ({TRIAL.key} if done else set())


def test_supersede_marks_only_what_is_done_and_deletes_nothing(tmp_path):
    store = Store(tmp_path)
    store.append(record(0))
    before = {path: path.read_bytes() for path in store.records_folder.iterdir()}
    store.supersede([trial(0), trial(1)])
    assert store.latest() == {}
    for path, content in before.items():
        assert path.read_bytes().startswith(content)
    store.append(record(0))
    assert store.done_keys() == {TRIAL.key}


@pytest.mark.parametrize("step", [-3600, 0, 3600])
def test_a_clock_that_steps_loses_no_record(tmp_path, monkeypatch, step):
    """Marks name the records that they retire, so times do not matter."""
    store = Store(tmp_path)
    store.append(record(0))
    store.supersede([trial(0)])
    later = datetime.now(UTC) + timedelta(seconds=step)
    again = replace(record(0, metrics={"test_error": 2.0}), finished=later.isoformat())
    store.append(again)
    assert Store(tmp_path).latest() == {TRIAL.key: again}
    store.supersede([trial(0)])
    assert Store(tmp_path).done_keys() == set()


def test_marks_of_schema_1_retire_earlier_records_by_time(tmp_path):
    def line(status, second):
        fields = {"key": TRIAL.key, "trial": asdict(TRIAL), "status": status, "metrics": {}}
        return json.dumps({**fields, "curves": {}, "finished": f"2026-01-01T00:00:0{second}+00:00"})

    store = Store(tmp_path)
    store.records_folder.mkdir()
    shard = store.records_folder / "old.jsonl"
    shard.write_text("\n".join([line("ok", 1), line("superseded", 2)]))
    assert Store(tmp_path).done_keys() == set()
    shard.write_text("\n".join([line("ok", 1), line("superseded", 2), line("ok", 3)]))
    assert Store(tmp_path).done_keys() == {TRIAL.key}
    shard.write_text("\n".join([line("ok", 1), line("superseded", 2)]))
    store.append(replace(record(0), finished="2020-01-01T00:00:00+00:00"))  # the clock went back
    assert Store(tmp_path).done_keys() == {TRIAL.key}


def test_a_new_shard_and_its_folders_are_flushed_to_the_disk(tmp_path, monkeypatch):
    flushed, real = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (flushed.append(os.readlink(f"/proc/self/fd/{fd}")), real(fd))
    )
    store = Store(tmp_path / "a" / "b")
    store.append(record(0))
    assert {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")} <= set(flushed)
    assert str(store.records_folder) in flushed
    flushed.clear()
    store.append(record(1))
    assert len(flushed) == 1  # the file alone: its name is on the disk


def test_records_that_appear_later_are_seen_without_reading_all_again(tmp_path, monkeypatch):
    reader, writer = Store(tmp_path), Store(tmp_path)
    for repetition in range(4):
        writer.append(record(repetition))
        assert len(reader.done_keys()) == repetition + 1
    decoded = []
    monkeypatch.setattr(
        "benchmarks.harness.store.decode", lambda line: decoded.append(line) or decode(line)
    )
    writer.append(record(4))
    assert len(reader.done_keys()) == 5
    assert len(decoded) == 1


def spoil(**fields):
    def change(line):
        line.update(fields)

    return change


def without(name):
    return lambda line: line.pop(name)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (spoil(finished=None), "`finished` has a wrong type or value. Received: None"),
        (spoil(finished="yesterday"), "`finished`"),
        (spoil(finished="2026-01-01T00:00:00"), "`finished`"),
        (spoil(metrics={"test_error": "1.5"}), "`metrics`"),
        (spoil(metrics={"test_error": True}), "`metrics`"),
        (spoil(metrics={"test_error": 10**400}), "`metrics`"),
        (spoil(metrics=[1.5]), "`metrics`"),
        (spoil(curves={"loss": 1.0}), "`curves`"),
        (spoil(curves={"loss": [[1.0]]}), "`curves`"),
        (spoil(times={"wall_s": "long"}), "`times`"),
        (spoil(status="fine"), "`status`"),
        (spoil(status=["ok"]), "`status`"),
        (spoil(environment="here"), "`environment`"),
        (spoil(environment={"packages": "all"}), "`environment`"),
        (spoil(environment={"commit": 5}), "`environment`"),
        (spoil(error=5), "`error`"),
        (spoil(trial=None), "`trial`"),
        (spoil(trial={}), "`experiment` is missing"),
        (spoil(key=None), "`key`"),
        (spoil(id=5), "`id`"),
        (spoil(retires="all"), "`retires`"),
        (spoil(schema="new"), "`schema`"),
        (spoil(schema=99), "a newer version of this project wrote it (schema 99"),
        (spoil(comment="by hand"), "unknown fields: 'comment'"),
        (without("status"), "`status` is missing"),
        (without("metrics"), "`metrics` is missing"),
    ],
)
def test_a_record_with_a_wrong_field_is_reported_and_skipped(tmp_path, capsys, change, named):
    store = Store(tmp_path)
    store.append(record(0, metrics={"test_error": 1.0}))
    store.append(record(1))
    (shard,) = store.records_folder.iterdir()
    first, second = shard.read_text().splitlines()
    line = json.loads(first)
    change(line)
    shard.write_text(f"{json.dumps(line)}\n{second}\n")
    assert Store(tmp_path).done_keys() == {trial(1).key}
    err = capsys.readouterr().err
    assert f"line 1 of {shard} skipped: " in err
    assert named in err


@pytest.mark.parametrize(
    "line",
    [b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000],
    ids=["null", "list", "text", "bytes", "deep list", "deep table", "digits"],
)
def test_a_line_that_is_not_a_record_is_reported_and_skipped(tmp_path, capsys, line):
    store = Store(tmp_path)
    store.append(record(0))
    (store.records_folder / "odd.jsonl").write_bytes(line + b"\n")
    assert Store(tmp_path).done_keys() == {TRIAL.key}
    assert "line 1 of" in capsys.readouterr().err


def test_params_nested_too_deeply_are_skipped(tmp_path, capsys):
    store = Store(tmp_path)
    store.append(record(0))
    (shard,) = store.records_folder.iterdir()
    deep = "[" * 900 + "]" * 900
    shard.write_text(shard.read_text().replace('"keep": 0.5', f'"keep": {deep}'))
    assert Store(tmp_path).done_keys() == set()
    assert "line 1 of" in capsys.readouterr().err


def test_paths_that_are_not_files_are_reported_and_dot_files_ignored(tmp_path, capsys):
    store = Store(tmp_path)
    store.append(record(0))
    os.mkfifo(store.records_folder / "pipe.jsonl")
    (store.records_folder / "folder.jsonl").mkdir()
    (store.records_folder / "link.jsonl").symlink_to(tmp_path / "nowhere")
    (store.records_folder / "._copy.jsonl").write_bytes(b"\x00\x05")
    fresh = Store(tmp_path)
    assert fresh.done_keys() == fresh.done_keys() == {TRIAL.key}
    err = capsys.readouterr().err
    assert err.count("is not a regular file and is skipped") == 3
    assert "._copy" not in err


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_torn_last_line_costs_one_trial_only(tmp_path, capsys, kept):
    store = Store(tmp_path)
    for repetition in range(3):
        store.append(record(repetition))
    (shard,) = store.records_folder.iterdir()
    lines = shard.read_bytes().splitlines(keepends=True)
    shard.write_bytes(b"".join(lines[:2]) + lines[2][: int(kept * (len(lines[2]) - 1))])
    assert store.done_keys() == {trial(0).key, trial(1).key}
    assert f"line 3 of {shard}" in capsys.readouterr().err


def test_a_record_that_was_edited_by_hand_does_not_count(tmp_path, capsys):
    store = Store(tmp_path)
    store.append(record(0))
    (shard,) = store.records_folder.iterdir()
    shard.write_text(shard.read_text().replace('"keep": 0.5', '"keep": 0.6'))
    assert store.latest() == {}
    assert "line 1" in capsys.readouterr().err


def test_every_writer_has_a_separate_shard(tmp_path):
    stores = [Store(tmp_path) for _ in range(3)]
    for repetition in range(6):
        stores[repetition % 3].append(record(repetition))
    assert len(list(stores[0].records_folder.iterdir())) == 3
    assert len(stores[0].done_keys()) == 6


def test_kill_9_loses_no_record_that_was_reported(tmp_path, start_writer):
    process = start_writer(0, 10_000)
    stored = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    stored += [int(line) for line in rest.splitlines()]
    done = Store(tmp_path / "out").done_keys()
    assert {trial(repetition).key for repetition in stored} <= done


def test_two_processes_write_one_folder(tmp_path, start_writer):
    for process in [start_writer(0, 60), start_writer(30, 90)]:
        process.communicate(timeout=60)
        assert process.returncode == 0
    done = Store(tmp_path / "out").done_keys()
    assert done == {trial(repetition).key for repetition in range(90)}


def test_a_path_that_cannot_be_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Cannot write results to .*file/records.*--out"):
        Store(tmp_path / "file").check_writable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(StoreError, match=f"Cannot write results to {tmp_path}"):
        Store(tmp_path).check_writable()


def test_a_usable_folder_is_left_without_traces(tmp_path):
    store = Store(tmp_path / "new")
    store.check_writable()
    assert list(store.records_folder.iterdir()) == []


def test_too_little_space_is_reported_before_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.harness.store.REQUIRED_SPACE", 2**60)
    with pytest.raises(StoreError, match=r"Only \d+ MiB are free"):
        Store(tmp_path).check_writable()


@pytest.fixture
def no_more_bytes():
    """The system refuses to make any file longer than 300 bytes, as a full disk would."""
    signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, signal_before)


def test_a_failed_write_is_reported_and_spoils_nothing(tmp_path, no_more_bytes):
    store = Store(tmp_path)
    store.append(record(0))
    no_more_bytes()
    with pytest.raises(StoreError, match=r"Cannot write the record.*Earlier records are safe"):
        store.append(record(1))
    with pytest.raises(StoreError, match="Cannot write results"):
        Store(tmp_path).check_writable()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.append(record(2))
    assert store.done_keys() == {trial(0).key, trial(2).key}


def test_an_unreported_record_may_be_on_disk_but_is_never_half_read(tmp_path, start_writer):
    """Killed at arbitrary moments, a store reads back whole records only."""
    for first in (0, 100, 200):
        process = start_writer(first, first + 100)
        process.stdout.readline()
        time.sleep(0.005 * first / 100)
        process.kill()
        process.communicate()
    for read in Store(tmp_path / "out").latest().values():
        assert read.curves["loss"] == [0.5] * 2000
