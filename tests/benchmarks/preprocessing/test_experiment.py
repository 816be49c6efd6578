"""Preprocessing: its arms, what is read off the training, and the verdict."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness import data
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.preprocessing import training
from benchmarks.preprocessing.experiment import EXPERIMENT, correlations, layer
from benchmarks.preprocessing.views import ARMS, RAW

(CLAIM,) = EXPERIMENT.claims
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", repetitions=1, dataset=MNIST):
    expanded = EXPERIMENT.expand(profile, dataset, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(change=lambda name: 0.1, correlation=lambda name: 0.01, loss=0.3):
    found = []
    for trial in trials(repetitions=3):
        name, noise = trial.params["preprocessing"], 1 + trial.repetition / 1000
        numbers = {
            "change": 1.0 if name == RAW else change(name),
            "correlation": 0.1 if name == RAW else correlation(name),
        }
        metrics = {
            **{metric: value * noise for metric, value in numbers.items()},
            **{f"log10_{metric}": np.log10(value * noise) for metric, value in numbers.items()},
            "loss": loss,
            "largest_variance": 2.0,
            "epochs": 3.0,
            "rate": 0.1,
            "regression_rate": 0.1,
            "reached": 100.0,
        }
        curves = {"epochs": [1.0, 2.0], "train_error": [5.0, 1.0]}
        found.append(Record(trial, "ok", "2026-01-01", metrics, curves))
    return found


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, "reproduced"),
        ({"change": lambda name: 2.0 if name == "centred" else 0.1}, "not reproduced"),
        (
            {"correlation": lambda name: 0.1 if name == "ZCA whitening" else 0.01},
            "not reproduced",
        ),
        ({"correlation": lambda name: 0.1 if name == "centred" else 0.01}, "reproduced"),
        ({"loss": 2.0}, "inconclusive"),
    ],
)
def test_verdicts(told, expected):
    assert CLAIM.judge(records(**told)).verdict == expected


def test_records_become_a_table_and_a_figure():
    made = run_report.make(EXPERIMENT, records())
    (section,) = made.sections
    assert "standardized" in made.text("pipe")
    figure = Figure()
    section.view.draw(section, figure)
    assert len(figure.axes) == 3


@pytest.mark.parametrize("name", ARMS)
def test_each_arm_does_to_images_what_its_name_says(name):
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(2000, 8)) @ rng.normal(size=(8, 8)) + 2).astype("float32")
    out = keras.ops.convert_to_numpy(layer(name, images, 1e-6)(images))
    found = correlations(out)
    if name == RAW:
        np.testing.assert_array_equal(out, images)
    else:
        np.testing.assert_allclose(out.mean(axis=0), np.zeros(8), atol=1e-3)
    if name not in (RAW, "centred"):
        np.testing.assert_allclose(out.std(axis=0), np.ones(8), atol=1e-2)
    assert (found["correlation"] < 0.01) == ("whitening" in name)


def test_pixels_that_never_vary_have_no_correlation():
    x = np.random.default_rng(0).normal(size=(100, 3))
    x[:, 1] = 5.0
    x[:, 2] = x[:, 0]
    assert correlations(x)["correlation"] == pytest.approx(1)


def test_the_fastest_rate_is_the_first_to_reach_the_target():
    curves = [
        {"epochs": [1.0, 2.0, 3.0], "train_error": [9.0, 0.5, 0.4]},
        {"epochs": [1.0, 2.0, 3.0], "train_error": [2.0, 2.0, 0.1]},
        {"epochs": [1.0], "train_error": [float("nan")]},
    ]
    assert training.fastest(curves, 1.0, 3) == (0, 2.0)
    assert training.fastest(curves, 0.2, 3) == (1, 3.0)
    assert training.fastest(curves, 0.01, 3) == (1, 3.0)
    assert training.lowest(curves, "train_error") == 1


def test_sensitivity_is_the_change_of_the_loss():
    """A large bias decides all classes: moving it by a tenth changes the loss by about a tenth."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)).astype("float32"), np.zeros(50, "int64")
    weights = [np.zeros((4, 2)), np.array([-100.0, 100.0])]
    change, loss = training.sensitivity(weights, x, y, size=0.0, draws=2, rng=rng)
    assert (change, loss) == (0, pytest.approx(200))
    change, _ = training.sensitivity(weights, x, y, size=0.1, draws=50, rng=rng)
    assert 2 < change < 20


def test_a_small_run_measures_correlations_sensitivity_and_epochs():
    digits = data.load("digits")
    train = Trainer(EXPERIMENT, digits)
    arms = {t.params["preprocessing"]: t for t in trials("smoke", dataset=digits)}
    found = {name: train(arms[name]) for name in (RAW, "PCA whitening")}
    assert {record.status for record in found.values()} == {"ok"}
    raw, whitened = (record.metrics for record in found.values())
    assert whitened["correlation"] < raw["correlation"] / 10
    assert max(raw["loss"], whitened["loss"]) < np.log(10)
    assert min(raw["change"], whitened["change"]) > 0
    assert all(len(record.curves["train_error"]) == 2 for record in found.values())
