"""Optimizers on images: the choice of the learning rate, and the verdict."""

from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from benchmarks.harness import data
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.optimizers.methods import METHODS
from benchmarks.optimizers.mnist import EXPERIMENT, build, chosen

(CLAIM,) = EXPERIMENT.claims
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", repetitions=1, dataset=MNIST):
    expanded = EXPERIMENT.expand(profile, dataset, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(loss, best=0.01):
    """Every optimizer has its lowest loss at `best`; at 1 and above every run diverges."""
    found = []
    for trial in trials(repetitions=3):
        rate, method = trial.params["learning_rate"], trial.params["optimizer"]
        value = loss(method) * (1 + abs(rate - best)) * (1 + trial.repetition / 1000)
        metrics = {"train_loss": value, "validation_loss": value, "test_error": 3.0}
        curves = {"updates": [10.0, 20.0], "train_loss": [2.0, value]}
        status = "ok" if rate < 1 else "diverged"
        held = metrics if status == "ok" else {}
        found.append(Record(trial, status, "2026-01-01", held, curves))
    return found


def test_every_optimizer_has_the_same_rates():
    for network in {trial.params["network"] for trial in trials()}:
        grids = {
            method: [
                t.params["learning_rate"]
                for t in trials()
                if (t.params["network"], t.params["optimizer"]) == (network, method)
            ]
            for method in METHODS
        }
        assert len({tuple(grid) for grid in grids.values()}) == 1


def test_rates_train_together_and_optimizers_do_not():
    one, other = trials()[:2]
    assert one.params["learning_rate"] != other.params["learning_rate"]
    assert EXPERIMENT.structure(one.params) == EXPERIMENT.structure(other.params)
    last = [t for t in trials() if t.params["network"] == one.params["network"]][-1]
    assert EXPERIMENT.structure(one.params) != EXPERIMENT.structure(last.params)


def test_the_rate_with_the_lowest_validation_loss_is_chosen_unless_a_run_diverged():
    found = [r for r in records(lambda method: 1.0) if r.trial.params["network"] != "2c2d"]
    assert chosen(found, "SGD") == 0.01
    found = [
        Record(r.trial, "diverged", r.finished)
        if r.trial.params["learning_rate"] == 0.01 and r.trial.repetition == 2
        else r
        for r in found
    ]
    assert chosen(found, "SGD") == 0.00316
    assert chosen([], "SGD") is None


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda method: 0.3 if method == "SGD" else 0.1, "reproduced"),
        (lambda method: 0.3, "not reproduced"),
        (lambda method: {"SGD": 0.3, "AdaGrad": 0.4}.get(method, 0.1), "not reproduced"),
    ],
)
def test_verdicts(loss, expected):
    assert CLAIM.judge(records(loss)).verdict == expected


def test_records_become_tables_and_figures():
    made = run_report.make(EXPERIMENT, records(lambda method: 0.3))
    assert len(made.sections) == 2
    assert "0.01" in made.text("pipe")
    for section in made.sections:
        figure = Figure()
        section.view.draw(section, figure)
        assert len(figure.axes) == 2


def test_published_errors_stand_beside_the_published_network_alone():
    view = EXPERIMENT.views[0]
    assert view.reference({"network": "softmax regression"}) is None
    assert view.reference({"network": "2c2d"}).values["test_error"]["Adam"] == 7.66


def test_the_published_network_has_its_parameters():
    (trial,) = trials("paper")[:1]
    assert build(trial, (28, 28, 1), 10).count_params() == 3_274_634


def test_a_small_run_trains_every_optimizer():
    digits = data.load("digits")
    train = Trainer(EXPERIMENT, digits)
    arms = [t for t in trials("smoke", dataset=digits) if t.params["learning_rate"] == 0.1]
    found = [train(t) for t in arms if t.params["network"] == "softmax regression"]
    assert [r.trial.params["optimizer"] for r in found] == list(METHODS)
    assert {r.status for r in found} == {"ok"}
