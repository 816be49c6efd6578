"""Sweeps on Ray clusters of two nodes in separate processes, which are killed half-way."""

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
    name="none", title="none", fingerprint="none", source="none", num_classes=0
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

    soon = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 1, "_system_config": soon}  # so that a dead node is noticed soon
    cluster = Cluster()
    try:
        cluster.add_node(**head)
        cluster.add_node(num_cpus=1)
        yield cluster
    finally:
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


def results(folder, trials=None):
    """By trial, its result. Checks that no trial has two records, and that each is a result.

    Args:
        folder: the folder of the results.
        trials: the number of trials that must have a record.
    """
    lines = stored(folder)
    counts = collections.Counter(line["key"] for line in lines)
    assert {line["status"] for line in lines} == {"ok"}
    assert set(counts.values()) == {1}
    assert trials in (None, len(counts))
    return {line["key"]: (line["trial"], line["metrics"], line["curves"]) for line in lines}


@pytest.mark.slow
def test_a_group_of_a_dead_node_is_trained_elsewhere_and_ctrl_c_leaves_no_task(
    cluster, start, tmp_path
):
    (doomed,) = cluster.worker_nodes
    sweep = start(SLEEP, "--executor", "ray", "--address", cluster.address)
    wait_for(lambda: tasks(doomed), sweep)
    for process in processes(doomed):
        process.kill()
    wait_for(lambda: len(stored(tmp_path)) > 4, sweep)
    assert "in training: 2 groups on 2 nodes" in sweep.log.read_text()
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait(timeout=60) == 130, sweep.log.read_text()
    found = results(tmp_path)
    for trial, metrics, _ in found.values():
        assert metrics["test_error"] == Trial(**trial).derive("error") % 100
    # Both nodes trained an arm of the first repetition when one of them died.
    assert sum(trial["repetition"] == 0 for trial, _, _ in found.values()) == 2
    until = time.monotonic() + 20
    while tasks() and time.monotonic() < until:
        time.sleep(0.1)
    assert not tasks()


@pytest.mark.exhaustive
def test_the_death_of_a_node_in_a_real_sweep(cluster, start, tmp_path):
    (doomed,) = cluster.worker_nodes
    flags = ["--executor", "ray", "--address", cluster.address, "--repetitions", "2"]
    sweep = start(SMOKE, *flags, out=tmp_path / "ray")
    wait_for(lambda: tasks(doomed), sweep)
    time.sleep(10)  # the group imports Keras and begins to train
    for process in processes(doomed):
        process.kill()
    finish(sweep)
    alone = ["--executor", "population", "--repetitions", "2"]
    finish(start(SMOKE, *alone, out=tmp_path / "alone"))
    assert results(tmp_path / "ray", 20) == results(tmp_path / "alone", 20)


@pytest.mark.exhaustive
def test_two_shards_and_a_third_process_that_takes_over_a_dead_one(start, tmp_path):
    flags = ["--executor", "in-process", "--repetitions", "4"]
    shards = [start(SMOKE, *flags, "--shard", shard) for shard in ("1/2", "2/2")]
    wait_for(lambda: len(stored(tmp_path)) > 8, shards[1])
    shards[1].kill()
    third = start(SMOKE, *flags)
    finish(shards[0])
    finish(third)
    results(tmp_path, 40)


@pytest.mark.exhaustive
def test_kills_of_random_workers_lose_and_double_nothing(cluster, start, tmp_path):
    generator = random.Random(KILLS)
    flags = ["--executor", "ray", "--address", cluster.address, "--repetitions", "20"]
    sweep = start(SLEEP, *flags)
    killed = 0
    while sweep.poll() is None and killed < KILLS:
        before = len(stored(tmp_path))
        wait_for(lambda: len(stored(tmp_path)) > before, sweep)  # noqa: B023
        time.sleep(generator.uniform(0.0, 1.0))
        if victims := tasks():
            generator.choice(victims).kill()
            killed += 1
    finish(sweep)
    results(tmp_path, 40)
    assert killed == KILLS
