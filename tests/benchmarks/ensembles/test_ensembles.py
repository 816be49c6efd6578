"""Ensembles: scores, what a trial trains, and the verdict."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.ensembles.experiment import EXPERIMENT, build, measure
from benchmarks.ensembles.scores import scores, softmax
from benchmarks.harness.data import Examples
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record

(CLAIM,) = EXPERIMENT.claims
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", repetitions=1):
    return [*EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={})]


def records(dropout=2.0, average=2.02, ensemble=2.5, plain=3.0):
    found = []
    for trial in trials(repetitions=3):
        shift = trial.repetition / 1000
        cost, metrics = trial.params["cost"], {}
        for score in ("error", "nll", "ece"):
            if trial.params["networks"] == "independent":
                metrics |= {f"{score}_{k}": ensemble + shift for k in range(2, cost + 1)}
                metrics |= {f"{score}_1": plain + shift, "seconds_ensemble": 4.0}
                metrics |= {"seconds_plain": 1.0, "seconds_dropout": 2.0}
            else:
                metrics |= {f"plain_{score}": plain + shift, f"snapshots_{score}": plain + shift}
                metrics |= {f"dropout_{score}": dropout + shift}
                metrics |= {f"mc_{score}_{n}": average + shift for n in trial.params["samples"]}
        found.append(Record(trial, "ok", "2026-01-01", metrics))
    return found


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({}, "reproduced"),
        ({"average": 1.5}, "not reproduced"),
        ({"dropout": 3.1, "average": 3.1}, "not reproduced"),
        ({"ensemble": 3.2}, "not reproduced"),
    ],
)
def test_verdicts(errors, expected):
    assert CLAIM.judge(records(**errors)).verdict == expected


def test_without_records_nothing_is_judged():
    assert CLAIM.judge([]).verdict == "not run"


def test_scores_of_known_probabilities():
    labels = np.array([0, 0, 1, 1])
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    found = scores(sure, labels)
    assert found["error"] == 25
    assert found["nll"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.1)) / 4)
    assert found["ece"] == pytest.approx(15)  # confidence .9, accuracy .75
    np.testing.assert_allclose(softmax(np.log(sure)), sure)


def test_trials_train_and_score_what_the_views_show():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 4, 4, 1)).astype("float32"), rng.integers(0, 10, size=120)
    parts = {name: Examples(x, y) for name in ("train", "validation", "test")}
    found = []
    for trial in trials("smoke"):
        settings = {"batch_size": 20, "unit_updates": 2, "widths": [4]}
        trial.params.update(settings)
        metrics, curves = measure(trial, build(trial, (4, 4, 1), 10), SimpleNamespace(**parts))
        assert all(np.isfinite(value) for value in metrics.values())
        found.append(Record(trial, "ok", "2026-01-01", metrics, curves))
    single = found[-1].metrics
    assert {"plain_error", "dropout_nll", "snapshots_ece", "mc_error_1", "mc_error_3"} <= {*single}
    assert {"error_1", "error_2", "seconds_ensemble"} <= {*found[0].metrics}


def test_records_become_tables_and_figures():
    report = run_report.make(EXPERIMENT, records())
    (masks, costs) = report.sections
    assert [row[0] for row in masks.view.table(masks)[1]][-2:] == ["120 masks", "weight scaling"]
    headers, rows = costs.view.table(costs)
    last = dict(zip(headers, rows[-3], strict=True))
    assert (last["method"], last["cost in units"]) == ("average of independent networks", 8)
    assert last["time"] == "4.0"
    assert "published" in rows[-1][0]
    for section in report.sections:
        section.view.draw(section, Figure())
