"""Equal initial weights: what is counted, what is trained, and what is concluded."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness import data
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.initialization.zero_init import EXPERIMENT, distinct

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
(CLAIM,) = EXPERIMENT.claims


def trials(profile="quick", dataset=MNIST, repetitions=3):
    return [*EXPERIMENT.expand(profile, dataset, seed=0, repetitions=repetitions, choices={})]


@pytest.fixture(scope="module")
def measured():
    digits = data.load("digits")
    train = Trainer(EXPERIMENT, digits)
    return train.together(trials("smoke", digits, repetitions=1))


def made(zero_loss=2.3, zero_units=1.0, noise_units=100.0):
    records = []
    for trial in trials():
        start = trial.params["start"]
        loss = {"zero": zero_loss, "constant": 2.0, "noise": 0.1}[start]
        units = {"zero": zero_units, "constant": 1.0, "noise": noise_units}[start]
        metrics = {"train_loss": loss, "validation_loss": loss, "guessing_loss": 2.3}
        metrics |= {"distinct_1": units, "distinct_2": units, "train_error": 50.0}
        curves = {"updates": [1.0, 2.0], "train_loss": [2.3, loss]}
        records.append(Record(trial, "ok", "", metrics=metrics, curves=curves))
    return records


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "reproduced"),
        ({"zero_loss": 2.0}, "not reproduced"),  # it learns something
        ({"zero_units": 2.0}, "not reproduced"),  # units part
        ({"noise_units": 50.0}, "not reproduced"),  # the control fails
    ],
)
def test_the_verdict_follows_losses_and_units(options, expected):
    assert CLAIM.judge(made(**options)).verdict == expected


def test_without_records_nothing_is_judged():
    assert CLAIM.judge([]).verdict == "not run"


def test_distinct_units_are_counted_but_for_rounding():
    rng = np.random.default_rng(0)
    units = rng.normal(size=(5, 20))
    assert distinct(units) == 5
    assert distinct(np.repeat(units[:1], 7, axis=0) * (1 + 1e-6 * rng.normal(size=(7, 1)))) == 1
    assert distinct(np.concatenate([units, units[:2]])) == 5
    assert distinct(np.zeros((9, 20))) == 1


def test_units_stay_equal_from_zero_and_from_a_constant(measured):
    shares = {r.trial.params["start"]: r.curves["distinct_1"] for r in measured}
    assert shares["zero"] == shares["constant"] == [100 / 16] * 2
    assert shares["noise"] == [100.0] * 2


def test_the_loss_of_guessing_is_that_of_the_class_frequencies(measured):
    assert measured[0].metrics["guessing_loss"] == pytest.approx(np.log(10), abs=1e-3)


def test_table_and_figure():
    (section,) = run_report.make(EXPERIMENT, made()).sections
    _, rows = section.view.table(section)
    assert [row[0] for row in rows[:3]] == ["relu, zero", "relu, constant", "relu, noise"]
    assert len(rows) == 9
    figure = Figure()
    section.view.draw(section, figure)
    assert len(figure.axes) == 3
