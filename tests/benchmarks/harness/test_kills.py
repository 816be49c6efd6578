"""Sweeps that share a folder, killed at random moments, under clocks that jump by an hour.

`KILLS=200 python -m pytest -m slow tests/benchmarks/harness/test_kills.py` kills more often.
"""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.leases import Leases
from benchmarks.harness.store import Store

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("KILLS", "24"))
EXPERIMENTS = ("alone", "pairs", "groups")  # trials that train together: 1, 2 and 5
TRIALS = 30

# The command that users run, with an executor that sleeps instead of training.
WORKER = """
import datetime, os, random, sys, time
from pathlib import Path
from types import SimpleNamespace
import benchmarks.harness.cli as cli
import benchmarks.harness.store as store
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.spec import Profile, Record

name, out, jumps, *flags = sys.argv[1:]
size = {"alone": 1, "pairs": 2, "groups": 5}[name]
offset = [0]

class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=offset[0])

store.datetime = Clock

def train(experiment, trials, dataset, progress, claim, **options):
    if "BOTH" in os.environ:  # begin when another process is ready, too
        Path(out, f"ready-{os.getpid()}").touch()
        while len([*Path(out).glob("ready-*")]) < 2:
            time.sleep(0.01)
    for start in range(0, len(trials), size):
        group = claim(trials[start : start + size])
        time.sleep(random.uniform(0.001, 0.03) * len(group))
        for trial in group:
            if jumps == "jumps":
                offset[0] = random.choice([-3600, 0, 3600])
            yield Record(trial, "ok", finished=store.now(), metrics={"error": 1.0})
            print(trial.key, flush=True)

cli.EXECUTORS["auto"] = train
settings = {"train_size": 1, "validation_size": 0}
experiment = Experiment(
    name=name,
    version=1,
    summary="",
    profiles={"quick": Profile(settings, 10), "paper": Profile(settings, 10)},
    paper_dataset="none",
    grid=lambda settings: [{**settings, "arm": arm} for arm in range(3)],
    work=None,
    load=lambda folder: SimpleNamespace(
        name="none", title="none", fingerprint="none", source="none", y_train=[0]
    ),
)
sys.exit(cli.main(experiment, ["--out", out, *flags]))
"""


class Sweep:
    """Processes that work on one results folder."""

    def __init__(self, folder, name, jumps=""):
        self.folder, self.name, self.jumps = folder, name, jumps
        self.logs = []
        self.running = []

    def start(self, *flags):
        log = self.folder / f"log-{len(self.logs)}"
        self.logs.append(log)
        command = [sys.executable, "-c", WORKER, self.name, str(self.folder), self.jumps, *flags]
        with log.open("w") as out, (log.with_suffix(".err")).open("w") as err:
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
        self.running.append(process)
        return process

    def finish(self, *flags):
        """Run two processes until both report that all trials are done."""
        while len(self.running) < 2:
            self.start(*flags)
        for process in self.running:
            assert process.wait(timeout=300) == 0
        self.running.clear()

    def kill_one(self, generator):
        process = generator.choice(self.running)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def reported(self, *logs):
        """By trial, the number of times that its record was reported as stored."""
        lines = [line for log in logs or self.logs for line in log.read_text().splitlines()]
        return collections.Counter(line for line in lines if len(line) == 20)

    def check(self, generations=1):
        """Check that no record is missing, none exists twice, and all reported ones exist."""
        store = Store(self.folder / self.name)
        assert len(store.done_keys()) == TRIALS
        lines = [
            json.loads(line)
            for shard in store.records_folder.glob("*.jsonl")
            for line in shard.read_text().splitlines()
            if line.endswith("}")
        ]
        counts = collections.Counter(line["key"] for line in lines if line["status"] == "ok")
        assert set(counts.values()) == {generations}
        assert not self.reported() - counts
        leases = self.folder / self.name / "leases"
        with Leases(leases) as ours:  # the next process removes the files of killed ones
            assert not ours.holders()
        assert not leases.exists()


def kill_at_random(tmp_path, kills, jumps=""):
    generator = random.Random(kills)
    done = sweeps = 0
    while done < kills:
        folder = tmp_path / f"sweep-{sweeps}"
        folder.mkdir()
        sweep = Sweep(folder, EXPERIMENTS[sweeps % len(EXPERIMENTS)], jumps)
        sweeps += 1
        for _ in range(12):
            while len(sweep.running) < 2:
                sweep.start()
            time.sleep(generator.uniform(0.0, 1.2))
            sweep.kill_one(generator)
            done += 1
        sweep.finish()
        sweep.check()
        yield sweep


@pytest.mark.slow
def test_kills_of_two_processes_on_one_folder_lose_and_double_nothing(tmp_path):
    assert len([*kill_at_random(tmp_path, KILLS)]) >= KILLS // 12


@pytest.mark.slow
def test_kills_under_a_clock_that_jumps_by_an_hour_lose_and_double_nothing(tmp_path):
    for sweep in kill_at_random(tmp_path, max(KILLS // 2, 12), "jumps"):
        sweep.finish()
        assert "0 to run" in sweep.logs[-1].with_suffix(".err").read_text()
        sweep.start("--fresh").wait()  # all trials run again, while the clock jumps
        sweep.running.clear()
        sweep.finish()
        sweep.check(generations=2)


REAL = ("mnist_dropout", "mnist_dataset_size", "dead_relu")


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", REAL)
def test_kills_of_real_sweeps_lose_and_double_nothing(tmp_path, name):
    """Two processes on one folder; of each pair, one is killed at a random moment."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--profile", "smoke"]
    command += ["--dataset", "digits", "--executor", "in-process", "--out", str(tmp_path)]
    generator = random.Random(name)

    def start():
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    pair = [start(), start()]
    for _ in range(max(KILLS // 40, 5)):
        time.sleep(generator.uniform(4, 16))
        victim = pair.pop(generator.randrange(2))
        victim.kill()
        victim.wait()
        pair.append(start())
    assert [process.wait(timeout=500) for process in pair] == [0, 0]
    shards = [*(tmp_path / name / "records").glob("*.jsonl")]
    lines = [line for shard in shards for line in shard.read_text().splitlines()]
    counts = collections.Counter(json.loads(line)["key"] for line in lines if line.endswith("}"))
    dry = [*command, "--dry-run", "--json"]
    shown = subprocess.run(dry, cwd=ROOT, capture_output=True, check=True)
    plan = json.loads(shown.stdout)
    assert set(counts.values()) == {1}
    assert (plan["to_run"], plan["trials"]) == (0, counts.total())


def test_two_processes_share_the_trials_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BOTH", "1")
    sweep = Sweep(tmp_path, "alone")
    sweep.finish()
    sweep.check()
    assert all(map(sweep.reported, sweep.logs))
    assert sweep.reported().total() == TRIALS


def test_a_run_with_a_clock_that_jumps_back_finishes_once(tmp_path):
    sweep = Sweep(tmp_path, "pairs", "jumps")
    for flags in ([], ["--fresh"], []):
        assert sweep.start(*flags).wait() == 0
    sweep.check(generations=2)
    assert "0 to run" in sweep.logs[-1].with_suffix(".err").read_text()


@pytest.mark.exhaustive
def test_a_third_process_takes_over_the_groups_of_a_dead_shard(tmp_path):
    sweep = Sweep(tmp_path, "groups")
    sweep.start("--shard", "1/2")
    dead = sweep.start("--shard", "2/2")
    until = time.monotonic() + 60
    while not sweep.reported(sweep.logs[1]) and time.monotonic() < until:
        time.sleep(0.01)
    assert dead.poll() is None
    dead.kill()
    dead.wait()
    sweep.running.remove(dead)
    assert sweep.reported(sweep.logs[1]).total() < TRIALS / 2
    third = sweep.start()
    sweep.finish()
    sweep.check()
    assert third.returncode == 0
    assert sweep.reported(sweep.logs[2])
