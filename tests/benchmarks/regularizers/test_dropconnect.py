"""DropConnect beside dropout: arms, verdict, tables."""

import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.regularizers.dropconnect import ACTIVATIONS, ARMS, EXPERIMENT

CLAIM = "dropconnect"


def results(errors):
    """Test errors by arm at the best learning rate, .03; at others they are lower."""

    def measure(params):
        best = params["learning_rate"] == 0.03
        error = errors.get((params["activation"], params["arm"]), errors[params["arm"]])
        return {
            "validation_error": 2.0 if best else 3.0,
            "test_error": error if best else 0.1,
            "train_error": 0.0,
        }

    return measure


ERRORS = {"none": 3.0, "dropout": 2.0, "DropConnect": 2.2}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [(ERRORS, "reproduced"), (ERRORS | {("tanh", "DropConnect"): 3.5}, "not reproduced")],
)
def test_dropconnect_has_to_help_with_every_activation(made, judged, errors, expected):
    assert judged(EXPERIMENT, CLAIM, made(EXPERIMENT, results(errors))) == expected


def test_without_records_nothing_is_judged(judged):
    assert judged(EXPERIMENT, CLAIM, []) == "not run"


def test_all_rates_and_activations_of_an_arm_train_together(trials):
    structures = {str(EXPERIMENT.structure(trial.params)) for trial in trials(EXPERIMENT)}
    assert len(structures) == len(ARMS)
    assert {t.params.get("rate") for t in trials(EXPERIMENT)} == {None, 0.5}


def test_records_become_tables_and_figures(made):
    report = run_report.make(EXPERIMENT, made(EXPERIMENT, results(ERRORS)))
    (arms, _) = report.sections
    headers, rows = arms.view.table(arms)
    assert len(rows) == len(ARMS) * len(ACTIVATIONS)
    relu = dict(zip(headers, rows[2], strict=True))
    assert relu["regularizer"] == "DropConnect"
    assert relu["learning rate"] == "0.03"
    assert relu["paper: test error %"] == "1.20"
    for section in report.sections:
        section.view.draw(section, Figure())
