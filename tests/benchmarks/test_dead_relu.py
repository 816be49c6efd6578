"""The experiment on dead units: its arms, its watchers, and its verdict."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.dead_relu import EXPERIMENT
from benchmarks.harness import data
from benchmarks.harness.data import Examples, Split
from benchmarks.harness.spec import Record

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="smoke", repetitions=1):
    expanded = EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def test_arms_are_all_pairs_and_start_from_the_same_weights():
    found = trials()
    rates = EXPERIMENT.profiles["smoke"].settings["learning_rates"]
    arms = {(trial.params["activation"], trial.params["learning_rate"]) for trial in found}
    assert len(found) == len(arms) == 3 * len(rates)
    models = [EXPERIMENT.work.build(trial, (8, 8, 1), 10) for trial in found[:: len(rates)]]
    for weights in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(weights[0], weights[-1])


def test_a_trial_counts_dead_units_and_units_without_gradient():
    from benchmarks.harness.training.trainer import Trainer

    params = {"train_size": 100, "validation_size": 50, "batch_size": 20, "updates": 4, "points": 2}
    for trial in (trials()[0], trials()[-1]):
        trial.params.update(params)
        record = Trainer(EXPERIMENT, data.load("digits"))(trial)
        assert record.status == "ok"
        assert len(record.curves["cut_off"]) == 2
        assert ("dead" in record.metrics) == (trial.params["activation"] == "relu")
        assert 0 <= record.metrics["cut_off"] <= 100


def test_watchers_see_units_that_are_dead():
    trial = trials()[0]
    x = np.ones((20, 4, 4, 1), "float32")
    examples = Examples(x, np.zeros(20, "int64"))
    model = EXPERIMENT.work.build(trial, (4, 4, 1), 10)
    for layer in model.layers[1:-1]:
        layer.set_weights([np.abs(layer.get_weights()[0]), layer.get_weights()[1]])
    first = model.layers[1]
    kernel, bias = first.get_weights()
    bias[:8] = -100
    first.set_weights([kernel, bias])
    model.compile(EXPERIMENT.work.optimizer(trial), "mse")
    model.optimizer.learning_rate = 0.0
    watchers = EXPERIMENT.work.watchers([trial], [Split(examples, examples, examples)])
    logs = model.fit(x, np.ones((20, 10)), verbose=0, callbacks=list(watchers)).history
    assert [logs["dead"][0], logs["cut_off"][0]] == pytest.approx([100 * 8 / 96] * 2)


def records(dead, cut_off, diverged=()):
    """A record per arm and repetition with a little noise."""
    return [
        Record(
            trial,
            "diverged" if trial.params["learning_rate"] in diverged else "ok",
            finished="2026-01-01T00:00:00+00:00",
            metrics={
                "dead": dead(trial.params["learning_rate"]) + 0.1 * trial.repetition,
                "cut_off": cut_off + 0.01 * trial.repetition,
            }
            if trial.params["learning_rate"] not in diverged
            else {},
        )
        for trial in trials(repetitions=3)
    ]


@pytest.mark.parametrize(
    ("dead", "cut_off", "diverged", "expected"),
    [
        (lambda rate: 60 * rate, 0.0, (), "reproduced"),
        (lambda rate: 30 * rate, 0.0, (), "not reproduced"),
        (lambda rate: 60.0, 0.0, (), "not reproduced"),  # whatever the rate
        (lambda rate: 60 * rate, 20.0, (), "not reproduced"),  # the others die too
        (lambda rate: 60 * rate, 0.0, (1.0,), "not reproduced"),  # only where nothing is left
    ],
)
def test_the_verdict_follows_the_shares(dead, cut_off, diverged, expected):
    (claim,) = EXPERIMENT.claims
    assert claim.judge(records(dead, cut_off, diverged)).verdict == expected


def test_without_records_nothing_is_judged():
    (claim,) = EXPERIMENT.claims
    assert claim.judge([]).verdict == "not run"
