"""Saddle points: what is run there, and the verdict."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness import data
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.optimizers.saddle import COMPONENT, EXPERIMENT, FULL, PLANE

(CLAIM,) = EXPERIMENT.claims
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", repetitions=1, dataset=MNIST):
    expanded = EXPERIMENT.expand(profile, dataset, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(steps, left_from_the_ridge=0.0):
    found = []
    for trial in trials(repetitions=3):
        noisy = trial.params.get("noise", 0) > 0 or trial.params.get("batch", FULL) != FULL
        on_the_ridge = trial.params.get("offset") == 0 and not noisy
        count = steps(noisy)
        metrics = {
            "steps": count,
            "log10_steps": np.log10(count) + trial.repetition / 1000,
            "left": left_from_the_ridge if on_the_ridge else 100.0,
        }
        found.append(Record(trial, "ok", "2026-01-01", metrics))
    return found


@pytest.mark.parametrize(
    ("noisy", "left", "expected"),
    [(100, 0.0, "reproduced"), (1000, 0.0, "not reproduced"), (100, 100.0, "not reproduced")],
)
def test_verdicts(noisy, left, expected):
    found = records(lambda is_noisy: noisy if is_noisy else 1000, left)
    assert CLAIM.judge(found).verdict == expected


def test_far_from_the_ridge_nothing_is_claimed():
    findings = CLAIM.judge(records(lambda noisy: 100)).findings
    assert not any(finding.what.startswith("0.1 ") for finding in findings)


def test_a_small_run_lingers_without_noise_and_leaves_with_it():
    digits = data.load("digits")
    train = Trainer(EXPERIMENT, digits)
    found = [train(trial) for trial in trials("smoke", dataset=digits)]
    assert {record.status for record in found} == {"ok"}

    def left(**where):
        (one,) = [r for r in found if where.items() <= r.trial.params.items()]
        return one.metrics["left"], one.metrics["steps"]

    assert left(surface=PLANE, offset=0.0, noise=0.0)[0] == 0
    assert left(surface=PLANE, offset=0.0, noise=0.1)[0] == 100
    batches, whole = left(surface=COMPONENT, batch=10), left(surface=COMPONENT, batch=FULL)
    assert batches[0] == 100
    assert batches[1] < whole[1]
    made = run_report.make(EXPERIMENT, found)
    for section in made.sections:
        figure = Figure()
        section.view.draw(section, figure)
        assert figure.axes
    assert "none in 500" in made.text()
