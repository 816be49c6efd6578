"""Pooling: networks, the choice of the learning rate, and the verdict."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.pooling import ARMS, EXPERIMENT, build

(CLAIM,) = EXPERIMENT.claims
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
CIFAR = SimpleNamespace(name="cifar10", title="CIFAR-10", fingerprint="sha256:1")


def trials(dataset=MNIST, repetitions=1):
    return [*EXPERIMENT.expand("quick", dataset, seed=0, repetitions=repetitions, choices={})]


def records(test, train=1.0):
    """A rate of .03 is best on validation images; test errors at the other are lower."""
    found = []
    for trial in trials(repetitions=3):
        best, shift = trial.params["learning_rate"] == 0.03, trial.repetition / 1000
        error = test[trial.params["pooling"]]
        metrics = {
            "validation_error": 2.0 if best else 3.0,
            "test_error": (error if best else 0.1) + shift,
            "train_error": train,
        }
        found.append(Record(trial, "ok", "2026-01-01", metrics))
    return found


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"max": 3.0, "average": 4.0, "stochastic": 2.0}, "reproduced"),
        ({"max": 3.0, "average": 4.0, "stochastic": 3.5}, "not reproduced"),
        ({"max": 3.0, "average": 2.0, "stochastic": 3.0}, "not run"),
    ],
)
def test_stochastic_pooling_has_to_beat_max_pooling(test, expected):
    verdict = CLAIM.judge([] if expected == "not run" else records(test)).verdict
    assert verdict == expected


def test_arms_start_from_the_same_kernels_and_differ_in_pooling():
    shape, x = (12, 12, 1), np.random.default_rng(0).normal(size=(2, 12, 12, 1))
    by_arm = {trial.params["pooling"]: build(trial, shape, 10) for trial in trials()}
    weights = [model.get_weights() for model in by_arm.values()]
    for one in weights[1:]:
        for a, b in zip(one, weights[0], strict=True):
            np.testing.assert_array_equal(a, b)
    outputs = [model.predict(x, verbose=0) for model in by_arm.values()]
    assert not np.allclose(outputs[0], outputs[1])
    assert not np.allclose(outputs[0], outputs[2])


def test_rates_and_sizes_of_an_arm_train_together():
    assert len({str(EXPERIMENT.structure(trial.params)) for trial in trials()}) == len(ARMS)


@pytest.mark.parametrize(("dataset", "error"), [(MNIST, 0.47), (CIFAR, 15.13)])
def test_each_data_set_has_its_published_values(dataset, error):
    (view, _) = EXPERIMENT.views
    reference = view.reference(trials(dataset)[0].params)
    assert reference.values["test_error"]["stochastic"] == error


def test_records_become_tables_and_figures():
    report = run_report.make(EXPERIMENT, records({"max": 3.0, "average": 4.0, "stochastic": 2.0}))
    section = report.sections[0]
    headers, rows = section.view.table(section)
    assert len(rows) == 2 * len(ARMS)
    row = dict(zip(headers, rows[2], strict=True))
    assert (row["pooling"], row["learning rate"]) == ("stochastic", "0.03 (edge of the grid)")
    assert f"{row['test - train pp']}".startswith("1.00")
    for one in report.sections:
        one.view.draw(one, Figure())
