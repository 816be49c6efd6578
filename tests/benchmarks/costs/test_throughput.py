"""Throughput: every arm trains, and the page says what the turns took."""

import json
import os
import subprocess
import sys

import keras
import pytest

import benchmarks
from benchmarks.costs.throughput import arms, page, worker
from benchmarks.costs.throughput.arms import ARMS, FIT, MATMUL, Arm

ROOT = os.path.dirname(os.path.dirname(benchmarks.__file__))
BACKEND = keras.backend.backend()
RAN = {
    "device": "Some CPU",
    "cores": 2,
    "commit": "0",
    "packages": {"keras": "3.15.1", "numpy": "2.0"},
}


@pytest.fixture
def told(monkeypatch):
    """Makes an arm take three turns on a tiny network; gives what it tells."""
    monkeypatch.setitem(arms.NETWORKS, "tiny", (4, 4))
    monkeypatch.setitem(arms.STEPS, "tiny", 4)
    monkeypatch.setattr(worker, "SIDE", 8)

    class NoMoreTurnsError(Exception):
        pass

    def told(arm):
        found, left = [], iter(range(3))

        def wait():
            if next(left, None) is None:
                raise NoMoreTurnsError

        monkeypatch.setattr(worker, "wait", wait)
        monkeypatch.setattr(worker, "tell", lambda **told: found.append(told))
        with pytest.raises(NoMoreTurnsError):
            worker.KINDS[arm.kind](arm, "tiny")
        return found

    return told


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(worker.time, "perf_counter", lambda: now[0])
    return now


def test_the_seconds_told_are_those_of_the_turn_alone(monkeypatch, clock):
    found, waits = [], iter([5.0, 7.0])

    def wait():
        clock[0] += next(waits)  # waiting for a turn does not count

    def turn():
        clock[0] += 0.25 * (1 + len(found))

    monkeypatch.setattr(worker, "wait", wait)
    monkeypatch.setattr(worker, "tell", lambda **told: found.append(told))
    with pytest.raises(StopIteration):
        worker.take_turns(turn)
    assert found == [{"seconds": 0.25}, {"seconds": 0.5}]


@pytest.mark.parametrize(
    "arm",
    [
        MATMUL,
        Arm("fit", "fit", BACKEND),
        Arm("fit of a feed", "fit", BACKEND, feed=BACKEND == "tensorflow"),
        Arm("population", "population", BACKEND, members=2),
        Arm("loop", "torch"),
        Arm("scan", "jax"),
    ],
    ids=lambda arm: arm.name,
)
def test_an_arm_tells_the_seconds_of_every_turn(told, arm):
    for package in arm.needs:
        pytest.importorskip(package)
    turns = told(arm)
    assert [set(each) for each in turns] == [{"seconds"}] * 3
    assert all(0 < each["seconds"] < 60 for each in turns)


def test_flop_are_those_of_the_matrix_products():
    kernels = 784 * 256 + 256 * 256 + 256 * 256 + 256 * 10
    assert arms.flops("narrow") == 128 * (6 * kernels - 2 * 784 * 256)  # no gradient of images


def test_names_are_unique_and_a_population_makes_as_many_model_steps():
    assert len({arm.name for arm in ARMS}) == len(ARMS)
    for arm in ARMS:
        if arm.share == 1:
            assert arm.steps("narrow") * arm.members == arms.STEPS["narrow"]


def test_the_page_has_ratios_of_each_round(tmp_path, picture_size):
    seconds = {
        MATMUL.name: [1.0, 1.0, 1.0],
        FIT.name: [6.0, 3.0, 3.0],
        "Population, K = 4": [1.0, 1.0, 1.0],
    }
    records = [
        {"network": "narrow", "arm": name, "seconds": each, "memory": 2**30}
        for name, each in seconds.items()
    ]
    rates = page.rates(records, "narrow")
    assert page.ratio(rates, "Population, K = 4", FIT.name) == pytest.approx(3.0)  # the median
    assert page.ratio(rates, FIT.name, "PyTorch loop") is None
    page.write(records, RAN, tmp_path)
    text = (tmp_path / "throughput.md").read_text()
    assert "| Population, K = 4 " in text
    assert " 3.00 |" in text
    assert "all rounds together: Population, K = 4 4.00." in text  # 12 s of `fit`, 3 of its own
    assert "784-256-256-256-10" in text
    assert "784-2048" not in text
    assert picture_size(tmp_path / "throughput.png") == (900, 750)
    assert len((tmp_path / "throughput.jsonl").read_text().splitlines()) == 3


def command(*flags):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.costs.throughput", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_measures_in_processes_of_their_own(tmp_path):
    flags = ["--networks", "narrow", "--rounds", "2", "--arms", MATMUL.name, "--out", str(tmp_path)]
    ran = command(*flags)
    assert ran.returncode == 0, ran.stderr
    (record,) = map(json.loads, (tmp_path / "throughput.jsonl").read_text().splitlines())
    assert len(record["seconds"]) == 2
    assert record["memory"] > 2**20
    assert "| matrix product alone |" in ran.stdout


def test_an_unknown_arm_is_told():
    ran = command("--arms", "Keras")
    assert ran.returncode == 2
    assert "unknown 'Keras'; there are 'matrix product alone'" in ran.stderr
