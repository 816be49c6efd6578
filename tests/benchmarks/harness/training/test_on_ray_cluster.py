"""Sweeps on Ray clusters of two nodes, each in processes of its own, that are killed half-way."""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.spec import Trial

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")

ROOT = Path(__file__).resolve().parents[4]
KILLS = int(os.environ.get("KILLS", "20"))
TASK = "ray::_train"  # the name of a process while it trains

# The command that users run, with trials that sleep instead of training.
SLEEPERS = """
import sys, time
from types import SimpleNamespace
from benchmarks.harness import cli
from benchmarks.harness.experiment import Experiment, Measuring
from benchmarks.harness.spec import Profile

def measure(trial):
    time.sleep(0.3)
    return {"test_error": trial.derive("error") % 100}, {}

profiles = {name: Profile({}, 8) for name in ("quick", "paper")}
data = SimpleNamespace(
    name="none", title="none", fingerprint="none", source="none", y_train=[0], x_train=[0]
)
experiment = Experiment(
    name="sleepers",
    version=1,
    summary="",
    profiles=profiles,
    paper_dataset="none",
    grid=lambda settings: [{"arm": arm} for arm in range(2)],
    work=Measuring(measure),
    load=lambda folder: data,
)
sys.exit(cli.main(experiment, sys.argv[1:]))
"""
SLEEP = [sys.executable, "-c", SLEEPERS]
SMOKE = [sys.executable, "-m", "benchmarks.mnist_dropout", "--profile", "smoke"]
SMOKE += ["--dataset", "digits", "--sweep", "n"]


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def start(tmp_path):
    """Starts a command with its output in a file; it is killed at the end if it still runs."""
    started = []
    # A background job of a shell ignores SIGINT, and the processes that it starts do, too.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(command, *flags, out=tmp_path):
        with (tmp_path / f"log-{len(started)}").open("w") as log:
            process = subprocess.Popen(
                [*command, *flags, "--out", str(out)],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        process.log = tmp_path / f"log-{len(started)}"
        started.append(process)
        return process

    yield start
    signal.signal(signal.SIGINT, handler)
    for process in started:
        process.kill()
        process.wait()


def tasks(node=None):
    """The processes that train, on one node or on all."""
    found = []
    for process in processes(node) if node else psutil.process_iter():
        try:
            if process.cmdline()[:1] == [TASK]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def processes(node):
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [*raylet.children(recursive=True), raylet]


def wait_for(condition, process, seconds=200):
    until = time.monotonic() + seconds
    while not (reached := condition()):
        assert process.poll() is None, process.log.read_text()
        assert time.monotonic() < until, process.log.read_text()
        time.sleep(0.05)
    return reached


def finish(process):
    assert process.wait(timeout=500) == 0, process.log.read_text()


def stored(folder):
    """All lines of all records in a folder."""
    shards = [*Path(folder).glob("*/records/*.jsonl")]
    return [json.loads(line) for shard in shards for line in shard.read_text().splitlines()]


def results(folder, trials):
    """By trial, its result. Checks that every trial has one record, and that each is a result."""
    lines = stored(folder)
    counts = collections.Counter(line["key"] for line in lines)
    assert {line["status"] for line in lines} == {"ok"}
    assert (len(counts), set(counts.values())) == (trials, {1})
    return {line["key"]: (line["trial"], line["metrics"], line["curves"]) for line in lines}


@pytest.mark.slow
def test_the_death_of_a_node_loses_and_doubles_nothing_and_ctrl_c_leaves_no_task(
    cluster, start, tmp_path
):
    ray = ["--executor", "ray", "--address", cluster.address]
    (doomed,) = cluster.worker_nodes
    sweep = start(SLEEP, *ray)
    wait_for(lambda: stored(tmp_path) and tasks(doomed), sweep)
    for process in processes(doomed):
        process.kill()
    finish(sweep)
    for trial, metrics, _ in results(tmp_path, 16).values():
        assert metrics["test_error"] == Trial(**trial).derive("error") % 100
    assert "in training: 2 groups on 2 nodes" in sweep.log.read_text()

    sweep = start(SLEEP, *ray, "--fresh")
    wait_for(lambda: len(stored(tmp_path)) > 16 + 16, sweep)  # 16 marks
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait(timeout=60) == 130, sweep.log.read_text()
    until = time.monotonic() + 20
    while tasks() and time.monotonic() < until:
        time.sleep(0.1)
    assert not tasks()


def same(ours, theirs):
    """Whether results are equal but for rounding: their populations differ in size."""
    assert ours.keys() == theirs.keys()
    for key, (trial, metrics, curves) in ours.items():
        assert trial == theirs[key][0]
        assert metrics == pytest.approx(theirs[key][1], rel=1e-4, abs=1e-4)
        for name, values in curves.items():
            assert values == pytest.approx(theirs[key][2][name], rel=1e-4, abs=1e-4)


@pytest.mark.exhaustive
def test_the_death_of_a_node_in_a_real_sweep(cluster, start, tmp_path):
    (doomed,) = cluster.worker_nodes
    flags = ["--executor", "ray", "--address", cluster.address, "--repetitions", "2"]
    sweep = start(SMOKE, *flags, out=tmp_path / "ray")
    wait_for(lambda: stored(tmp_path / "ray") and tasks(doomed), sweep)
    for process in processes(doomed):
        process.kill()
    finish(sweep)
    finish(start(SMOKE, "--repetitions", "2", out=tmp_path / "alone"))
    same(results(tmp_path / "ray", 20), results(tmp_path / "alone", 20))


@pytest.mark.exhaustive
def test_kills_of_random_workers_lose_and_double_nothing(cluster, start, tmp_path):
    generator = random.Random(KILLS)
    flags = ["--executor", "ray", "--address", cluster.address, "--repetitions", "20"]
    sweep = start(SLEEP, *flags)
    killed = 0
    while sweep.poll() is None and killed < KILLS:
        time.sleep(generator.uniform(0.1, 1.5))
        if victims := tasks():
            generator.choice(victims).kill()
            killed += 1
    finish(sweep)
    results(tmp_path, 40)
    assert killed == KILLS
