"""Throughput: every arm trains, every round is written, and the page says what the turns took."""

import json
import os
import subprocess
import sys

import keras
import pytest

import benchmarks
from benchmarks.costs.throughput import arms, growth, page, plain_arms, records, worker
from benchmarks.costs.throughput.arms import ARMS, FIT, MATMUL, SCAN, Arm, Network, population

ROOT = os.path.dirname(os.path.dirname(benchmarks.__file__))
BACKEND = keras.backend.backend()
RAN = {
    "device": "Some CPU",
    "cores": 2,
    "commit": "0",
    "packages": {"keras": "3.15.1", "numpy": "2.0"},
}
SPREAD, ALONE = population("jax").name, population("jax", cores=1).name
TINY = {
    "mlp": Network("tiny", "mlp", 4, (4,), (4, 4)),
    "cnn": Network("tiny", "cnn", 2, (12, 12, 1)),
    "lstm": Network("tiny", "lstm", 2, (3, 4)),
}


@pytest.fixture
def told(monkeypatch):
    """Makes an arm take three turns on a tiny network; gives what it prints."""
    monkeypatch.setattr(arms, "NETWORKS", arms.NETWORKS)
    for name, network in TINY.items():
        monkeypatch.setitem(arms.NETWORKS, name, network)
    monkeypatch.setattr(plain_arms, "SIDE", 8)

    class NoMoreTurnsError(Exception):
        pass

    def told(arm, network="mlp"):
        found, left = [], iter(range(3))

        def wait():
            if next(left, None) is None:
                raise NoMoreTurnsError

        monkeypatch.setattr(worker, "wait", wait)
        monkeypatch.setattr(worker, "tell", lambda **told: found.append(told))
        with pytest.raises(NoMoreTurnsError):
            worker.take_turns(arm, network)
        return found

    return told


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(worker.time, "perf_counter", lambda: now[0])
    return now


def test_the_seconds_are_those_of_the_turn_alone(monkeypatch, clock):
    found, waits = [], iter([5.0, 7.0])

    def wait():
        clock[0] += next(waits)  # waiting for a turn does not count

    def turn():
        clock[0] += 0.25 * (1 + len(found))

    monkeypatch.setattr(worker, "wait", wait)
    monkeypatch.setattr(worker, "tell", lambda **told: found.append(told))
    monkeypatch.setitem(worker.KINDS, "fit", lambda arm, network: turn)
    with pytest.raises(StopIteration):
        worker.take_turns(FIT, "mlp-64")
    samples = arms.NETWORKS["mlp-64"].steps * arms.BATCH
    assert found == [{"seconds": s, "samples": samples} for s in (0.25, 0.5)]


exhaustive = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("arm", "network"),
    [
        (MATMUL, "mlp"),
        (Arm("fit", "fit", BACKEND, execution=2), "mlp"),
        (Arm("fit of a feed", "fit", BACKEND, feed=BACKEND == "tensorflow"), "mlp"),
        (Arm("population", "population", BACKEND, members=2), "mlp"),
        (Arm("loop", "population", BACKEND, members=2, executor="loop"), "mlp"),
        pytest.param(
            Arm("convolutions", "population", BACKEND, members=2), "cnn", marks=exhaustive
        ),
        pytest.param(Arm("recurrent", "fit", BACKEND), "lstm", marks=exhaustive),
        pytest.param(Arm("loop", "loop"), "mlp", marks=exhaustive),
        (Arm("ensemble", "ensemble", members=2), "mlp"),
        (Arm("scan", "scan"), "mlp"),
    ],
    ids=lambda one: getattr(one, "name", one),
)
def test_an_arm_tells_the_seconds_of_every_turn(told, arm, network):
    for package in arm.needs:
        pytest.importorskip(package)
    turns = told(arm, network)
    assert len(turns) == 3
    assert all(0 < each["seconds"] < 60 for each in turns)
    assert {each["samples"] for each in turns} == {TINY[network].steps * arms.BATCH}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen")
@pytest.mark.parametrize(
    ("arm", "core", "expected"),
    [(ALONE, None, [3]), (SPREAD, None, []), (FIT.name, 5, [5])],
)
def test_a_process_is_limited_to_the_cores_of_its_arm(monkeypatch, arm, core, expected):
    found = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 5, 3})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: found.extend(cores))
    worker.limit(arms.BY_NAME[arm], core)
    assert found == expected


def test_flop_are_those_of_the_matrix_products():
    kernels = 784 * 256 + 256 * 256 + 256 * 256 + 256 * 10
    assert arms.NETWORKS["mlp-256"].flops == 6 * kernels - 2 * 784 * 256  # none of the images
    assert arms.NETWORKS["cnn"].flops is None


def test_names_are_unique_and_arms_of_several_models_make_as_many_model_steps():
    assert len({arm.name for arm in ARMS}) == len(ARMS)
    for arm in ARMS:
        for network in arm.networks:
            assert arm.steps(network) * arm.members == arms.NETWORKS[network].steps


def turns(seconds, samples=1000, network="mlp-256", ran=RAN):
    """Records of arms in rounds."""
    return [
        {
            "network": network,
            "arm": name,
            "round": number,
            "seconds": one,
            "samples": samples,
            "environment": ran,
        }
        for name, each in seconds.items()
        for number, one in enumerate(each)
    ]


def test_the_page_has_ratios_of_each_round(tmp_path, picture_size):
    found = turns(
        {
            MATMUL.name: [1.0, 1.0, 1.0],
            FIT.name: [6.0, 3.0, 3.0],
            SCAN.name: [2.0, 2.0, 2.0],
            SPREAD: [1.0, 1.0, 1.0],
            ALONE: [1.6, 1.6, 1.6],
        }
    )
    end = {"network": "mlp-256", "arm": SPREAD, "ready": 12.0, "memory": 2**31}
    found.append({**end, "environment": RAN})
    rates = page.rates(found, "mlp-256")
    assert page.ratio(rates, SPREAD, FIT.name) == pytest.approx(3.0)  # the median
    assert page.ratio(rates, FIT.name, "PyTorch loop") is None
    page.write(found, tmp_path)
    text = (tmp_path / "throughput.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith(f"| {SPREAD} "))
    assert [cell.strip() for cell in row.split("|")][2:9] == [
        "1,000",
        "2",
        "1%",
        "3.00",
        "2.00",
        "12",
        "2.0",
    ]
    assert "784-256-256-256-10" in text
    assert "784-2048" not in text
    assert "Simulated" in text
    assert picture_size(tmp_path / "throughput.png") == (800, 450)


def test_rounds_of_several_runs_are_put_together(tmp_path):
    file = tmp_path / "mlp-256.jsonl"
    assert records.next_round(file) == 0
    for number in range(2):
        assert records.next_round(file) == number
        told = {"network": "mlp-256", "arm": FIT.name, "round": number, "seconds": 1.0}
        records.append(file, [told], RAN)
    found = records.read(tmp_path)
    assert [*records.turns(found, "mlp-256")[FIT.name]] == [0, 1]
    records.append(file, [{"network": "mlp-256", "arm": "no more", "round": 2}], RAN)
    assert records.read(tmp_path) == found


@pytest.mark.parametrize(
    ("members", "cores", "expected"),
    [
        (10, 1, (1.0, 1.0)),
        (10, 2, (10 / (5 * 1.25), 10 / (5 * 1.25))),
        (10, 16, (10 / (1 + 0.25 * 9), 10 / 1.25)),
        (64, 16, (64 / (4 * (1 + 0.25 * 15)), 64 / (4 * 1.25))),
    ],
)
def test_more_cores_are_simulated_from_measured_parts(members, cores, expected):
    measured = {1: 100.0, 2: 160.0}  # a step takes 1.25 times as long with both cores busy
    assert growth.bounds(members, cores, measured) == pytest.approx(expected)


def command(*flags):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.costs.throughput", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_measures_in_separate_processes_and_goes_on(tmp_path):
    flags = ["--networks", "mlp-64", "--rounds", "1", "--arms", MATMUL.name, "--device", "cpu"]
    for _ in range(2):
        ran = command(*flags, "--out", str(tmp_path))
        assert ran.returncode == 0, ran.stderr
    lines = (tmp_path / "throughput" / "mlp-64.jsonl").read_text().splitlines()
    found = [*map(json.loads, lines)]
    assert [record["round"] for record in found if "round" in record] == [0, 1]
    assert all(record["memory"] > 2**20 for record in found if "memory" in record)
    assert "| matrix product alone |" in ran.stdout
    assert (tmp_path / "throughput.md").read_text() in ran.stdout


def test_an_unknown_arm_is_an_error():
    ran = command("--arms", "Keras")
    assert ran.returncode == 2
    assert "unknown 'Keras'; there are 'matrix product alone'" in ran.stderr
