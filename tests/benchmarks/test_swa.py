"""Weight averaging: the arms, who is averaged, and the verdict."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.swa import (
    ARMS,
    AVERAGE,
    DECAYING,
    EXPERIMENT,
    LAST,
    build,
    first_averaged,
    optimizer,
    watchers,
)

(CLAIM,) = EXPERIMENT.claims


def trials(dataset="mnist", profile="quick", repetitions=1):
    title = {"mnist": "MNIST", "cifar10": "CIFAR-10"}[dataset]
    data = SimpleNamespace(name=dataset, title=title, fingerprint="sha256:0")
    return list(EXPERIMENT.expand(profile, data, seed=0, repetitions=repetitions, choices={}))


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_all_arms_train_together_and_epochs_are_whole(dataset):
    for profile in ("paper", "gpu", "quick"):
        arms = trials(dataset, profile)
        assert len({str(EXPERIMENT.structure(trial.params)) for trial in arms}) == 1
        params = arms[0].params
        epoch = params["updates"] / params["points"]
        assert epoch == params["train_size"] // params["batch_size"]


def test_only_the_decaying_rate_decays():
    rates = {
        trial.params["weights"]: optimizer(trial).get_config()["learning_rate"]
        for trial in trials()
    }
    assert isinstance(rates[DECAYING], dict)
    assert rates[LAST] == rates[AVERAGE] == pytest.approx(0.05)


def test_networks():
    dense, residual = (
        build(trials(dataset, "smoke")[0], shape, 10)
        for dataset, shape in (("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3)))
    )
    kinds = [{type(layer).__name__ for layer in model.layers} for model in (dense, residual)]
    assert ["BatchNormalization" in names for names in kinds] == [False, True]


def test_the_last_quarter_of_one_arm_is_averaged():
    arms = trials(repetitions=2)
    splits = [SimpleNamespace(train=SimpleNamespace(x=np.full(3, i))) for i in range(len(arms))]
    (callback,) = watchers(arms, splits)
    assert [arms[place].params["weights"] for place in callback.members] == [AVERAGE] * 2
    assert callback.start == 15
    assert callback.data(2)[0] == 2
    assert watchers(arms[:2], splits) == []
    assert [first_averaged(epochs) for epochs in (1, 4, 20, 150)] == [0, 3, 15, 112]


def records(errors):
    return [
        Record(
            trial,
            "ok",
            "2026-01-01",
            {"test_error": errors[trial.params["weights"]] + trial.repetition, "train_error": 1.0},
            {},
        )
        for trial in trials(repetitions=3)
    ]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((3.0, 3.0, 2.0), "reproduced"),
        ((2.0, 3.0, 2.5), "not reproduced"),
        ((3.0, 2.0, 2.5), "not reproduced"),
        ((3.0, 3.0, 3.0), "not reproduced"),
    ],
)
def test_verdicts(errors, expected):
    verdict = CLAIM.judge(records(dict(zip(ARMS, errors, strict=True))))
    assert verdict.verdict == expected
    assert len(verdict.findings) == 2


def test_records_become_a_table_and_a_figure():
    made = run_report.make(EXPERIMENT, records(dict.fromkeys(ARMS, 2.0)))
    (section,) = made.sections
    assert all(name in made.text("pipe") for name in ARMS)
    figure = Figure()
    section.view.draw(section, figure)
    assert len(figure.axes[0].lines) == 3
