"""The experiment on dead units: its arms, what it counts, and its verdict."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.dead_relu import EXPERIMENT, largest_rate
from benchmarks.harness import data
from benchmarks.harness.data import Examples, Split
from benchmarks.harness.spec import Record

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
TOP = 0.4  # the highest learning rate


def trials(profile="smoke", repetitions=1):
    expanded = EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def test_arms_are_all_pairs_and_start_from_the_same_weights():
    found = trials()
    rates = EXPERIMENT.profiles["smoke"].settings["learning_rates"]
    arms = {(trial.params["activation"], trial.params["learning_rate"]) for trial in found}
    assert len(found) == len(arms) == 4 * len(rates)
    first = [trial for trial in found if trial.params["learning_rate"] == rates[0]][:3]
    models = [EXPERIMENT.work.build(trial, (8, 8, 1), 10) for trial in first]
    for weights in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(weights[0], weights[-1])


def test_maxout_has_two_pieces():
    (trial, *_) = [trial for trial in trials() if trial.params["activation"] == "maxout"]
    model = EXPERIMENT.work.build(trial, (8, 8, 1), 10)
    assert [layer.num_pieces for layer in model.layers[1:-1]] == [2, 2, 2]


def test_trials_train_together_and_count_dead_units():
    from benchmarks.harness.training.trainer import Trainer

    params = {"train_size": 100, "validation_size": 50, "batch_size": 20, "updates": 4, "points": 2}
    rates = EXPERIMENT.profiles["smoke"].settings["learning_rates"]
    group = trials()[:: len(rates)]
    for trial in group:
        trial.params.update(params)
    records = Trainer(EXPERIMENT, data.load("digits")).together(group)
    for record in records:
        assert record.status == "ok"
        assert len(record.curves["dead"]) == 2
        assert 0 <= record.metrics["dead"] <= 100


@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_units_whose_output_never_changes_are_counted(activation):
    (trial, *_) = [trial for trial in trials() if trial.params["activation"] == activation]
    x = np.random.default_rng(0).uniform(size=(20, 4, 4, 1)).astype("float32")
    examples = Examples(x, np.zeros(20, "int64"))
    model = EXPERIMENT.work.build(trial, (4, 4, 1), 10)
    for layer in model.layers[1:-1]:  # all units depend on the inputs
        layer.set_weights([np.abs(layer.get_weights()[0]), layer.get_weights()[1]])
    first = model.layers[1]
    kernel, bias = first.get_weights()
    bias[:8] = -1000
    first.set_weights([kernel, bias])
    metrics = EXPERIMENT.work.probe(trial, model, Split(examples, examples, examples))
    assert metrics == {"dead": pytest.approx(100 * 8 / 96)}


def records(dead, others=0.0, diverged=()):
    """A record per arm and repetition with a little noise."""
    made = []
    for trial in trials(repetitions=3):
        rate, relu = trial.params["learning_rate"], trial.params["activation"] == "relu"
        lost = (rate, trial.repetition) in diverged
        share = (dead(rate) if relu else others) + 0.1 * trial.repetition
        metrics = {} if lost else {"dead": share}
        status = "diverged" if lost else "ok"
        made.append(Record(trial, status, "2026-01-01T00:00:00+00:00", metrics))
    return made


@pytest.mark.parametrize(
    ("dead", "others", "expected"),
    [
        (lambda rate: 100 * rate, 0.0, "reproduced"),
        (lambda rate: 60 * rate, 0.0, "not reproduced"),  # far fewer than 40 %
        (lambda rate: 200 * rate, 0.0, "not reproduced"),  # far more
        (lambda rate: 40.0, 0.0, "not reproduced"),  # whatever the rate
        (lambda rate: 100 * rate, 20.0, "not reproduced"),  # the others die too
    ],
)
def test_the_verdict_follows_the_shares(dead, others, expected):
    (claim,) = EXPERIMENT.claims
    assert claim.judge(records(dead, others)).verdict == expected


def test_the_shares_are_compared_at_the_largest_rate_at_which_all_seeds_survive():
    """One run of three that diverges rules the rate out: what is left of it is not typical."""
    found = records(lambda rate: 99.0 if rate == TOP else 100 * rate, diverged=[(TOP, 1)])
    assert largest_rate(found, "relu") == 0.35
    (claim,) = EXPERIMENT.claims
    assert claim.judge(found).verdict == "reproduced"


def test_without_records_nothing_is_judged():
    (claim,) = EXPERIMENT.claims
    assert claim.judge([]).verdict == "not run"
