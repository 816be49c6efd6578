"""How long dropout takes to train: arms, the time to converge, and the verdict."""

from types import SimpleNamespace

import keras
import pytest

from benchmarks.dropout_time import EXPERIMENT, WITH, WITHOUT, time_to_converge
from benchmarks.harness.spec import Record

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", repetitions=1):
    expanded = EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(slowdown, repetitions=5, train_error=0.1):
    """Errors that fall to a plateau, after 300 updates without dropout."""
    made = []
    for trial in trials(repetitions=repetitions):
        keep, length = trial.params["keep"], trial.params["updates"]
        time = 300 * (slowdown if keep == WITH else 1)
        error = (5.0 if keep == WITH else 7.0) * (1 + (0.3 * time / length) ** 2)
        noise = 0.01 * (trial.repetition * length % 7)
        metrics = {"test_error": error + noise, "train_error": train_error + 0.01 * noise}
        made.append(Record(trial, "ok", "2026-01-01T00:00:00+00:00", metrics))
    return made


def judged(found):
    (claim,) = EXPERIMENT.claims
    return claim.judge(found)


def test_schedules_of_each_length_end_at_a_rate_of_zero():
    for trial in trials("smoke"):
        optimizer = EXPERIMENT.work.optimizer(trial)
        optimizer.build([keras.Variable([0.0])])
        optimizer.iterations.assign(trial.params["updates"])
        assert float(optimizer.learning_rate) == pytest.approx(0, abs=1e-6)


def test_both_networks_of_a_length_train_together():
    structures = {str(EXPERIMENT.structure(trial.params)) for trial in trials()}
    assert len(structures) == len(EXPERIMENT.profiles["quick"].settings["lengths"])
    assert {trial.params["keep"] for trial in trials()} == {WITH, WITHOUT}


@pytest.mark.parametrize(
    ("errors", "time"),
    [
        ({100: 20.0, 200: 11.0, 400: 10.0, 800: 10.0}, pytest.approx(100 * 2 ** (8.5 / 9))),
        ({100: 10.0, 200: 10.0}, 100),  # converged from the shortest schedule on
        ({100: 10.0, 200: 12.0, 400: 10.0}, pytest.approx(200 * 2**0.25)),  # rises again once
    ],
)
def test_the_time_to_converge_is_interpolated(errors, time):
    assert time_to_converge(errors) == time


@pytest.mark.parametrize(
    ("slowdown", "expected"),
    [(2.45, "reproduced"), (1.0, "not reproduced"), (4.5, "not reproduced")],
)
def test_the_verdict_follows_the_times(slowdown, expected):
    assert judged(records(slowdown)).verdict == expected


def test_networks_that_did_not_learn_are_not_compared():
    assert judged(records(2.45, train_error=3.0)).label == "inconclusive: undertrained"


def test_one_seed_or_none_decides_nothing():
    assert judged(records(2.45, repetitions=1)).verdict == "inconclusive"
    assert judged([]).verdict == "not run"
