"""The cost of normalization: measured on tiny networks in separate processes, judged by backend."""

import keras
import numpy as np
import pytest

from benchmarks.costs.norm_cost import experiment, networks
from benchmarks.costs.norm_cost.experiment import EXPERIMENT
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.spec import Record

CLAIMS = {claim.id: claim for claim in EXPERIMENT.claims}
BACKEND = keras.backend.backend()


def trials(profile="quick", repetitions=3):
    return [
        *EXPERIMENT.expand(profile, RandomNumbers(), seed=0, repetitions=repetitions, choices={})
    ]


def records(part, **metrics):
    return [Record(t, "ok", "", metrics=metrics) for t in trials() if t.params["part"] == part]


def test_both_parts_run_on_every_backend():
    assert [(t.params["part"], t.params["on"]) for t in trials(repetitions=1)] == [
        ("test", "tensorflow"),
        ("test", "jax"),
        ("training", "tensorflow"),
        ("training", "jax"),
    ]


@pytest.mark.parametrize(
    ("difference", "latency", "expected"),
    [(-6.0, 1.01, "reproduced"), (-2.0, 1.01, "not reproduced"), (-6.0, 1.3, "not reproduced")],
)
def test_folding_must_keep_the_outputs_and_cost_no_time(difference, latency, expected):
    found = records("test", log10_difference=difference, latency_folded=latency)
    assert CLAIMS["bn-fused"].judge(found).verdict == expected


@pytest.mark.parametrize(
    ("step", "peak", "expected"),
    [(1.2, 1.1, "reproduced"), (0.9, 1.1, "not reproduced"), (1.2, 0.9, "not reproduced")],
)
def test_training_must_cost_time_and_memory(step, peak, expected):
    found = records("training", step_bn=step, peak_bn=peak)
    verdict = CLAIMS["bn-cost"].judge(found)
    assert verdict.verdict == expected
    assert len(verdict.findings) == 4  # time and memory, on two backends


def test_metrics_are_medians_of_the_rounds_ratios(monkeypatch):
    times = {"none": [1.0, 2.0, 4.0], "BN": [2.0, 2.2, 8.0], "LN": [3.0] * 3, "GN": [1.0] * 3}
    asked = []

    def in_process(backend, params):
        asked.append(params.get("memory"))
        return {"peak": {"none": 100, "BN": 150}[asked[-1]]} if asked[-1] else {"times": times}

    monkeypatch.setattr(experiment, "in_process", in_process)
    (trial,) = [t for t in trials("smoke", 1) if t.params["part"] == "training"]
    metrics, curves = experiment.measure(trial)
    assert metrics["step_bn"] == 2.0
    assert metrics["step_ln"] == 1.5
    assert metrics["peak_bn"] == 1.5
    assert asked == [None, "none", "BN"]
    assert curves["seconds, BN"] == times["BN"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.slow
def test_a_worker_measures_in_a_separate_process():
    params = {"part": "training", "rounds": 2, "seed": 0, "training_image": 8, "training_batch": 4}
    found = experiment.in_process(BACKEND, params)
    assert found["times"].keys() == {"none", "BN", "LN", "GN"}
    assert all(len(spent) == 2 and min(spent) > 0 for spent in found["times"].values())
    assert experiment.in_process(BACKEND, {**params, "memory": "BN"})["peak"] > 0


def test_peak_memory_is_that_of_the_call():
    kept = []
    peak = networks.peak_bytes(lambda: kept.append(np.ones(2**24)))  # 128 MiB
    assert 100 * 2**20 < peak < 400 * 2**20
