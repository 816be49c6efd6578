"""The experiments that look at networks as they are initialized, and what their judges say."""

import numpy as np
import pytest

from benchmarks import activation_statistics, vanishing_gradient
from benchmarks.harness.data import Dataset, Examples
from benchmarks.harness.spec import Record

EXPERIMENTS = [activation_statistics.EXPERIMENT, vanishing_gradient.EXPERIMENT]


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    parts = [Examples(rng.random((n, 4, 4, 1), dtype="float32"), np.arange(n) % 3) for n in (60, 6)]
    return Dataset("noise", "noise", *parts, num_classes=3, source="made up")


def records(experiment, repetitions=3, **metrics):
    """Records of all arms of the smoke profile, with metrics given as functions of the arm."""
    profile = experiment.profiles["smoke"]
    data = type("Any", (), {"name": "x", "title": "x", "fingerprint": "x"})
    trials = experiment.expand("smoke", data, seed=0, repetitions=repetitions, choices={})
    assert profile.repetitions == 1
    return [
        Record(
            trial,
            "ok",
            "2026-01-01",
            {k: f(trial.params["network"]) + trial.repetition / 1e3 for k, f in metrics.items()},
        )
        for trial in trials
    ]
