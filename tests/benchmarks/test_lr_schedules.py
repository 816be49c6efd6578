"""Learning-rate schedules: what they are, the choice of the base rate, and the verdict."""

from types import SimpleNamespace

import keras
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.lr_schedules import EXPERIMENT, JUDGED, SCHEDULES, chosen, schedule

(CLAIM,) = EXPERIMENT.claims
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", repetitions=1):
    expanded = EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(error):
    """The validation error is lowest at a base rate of .1; the test error is `error`."""
    found = []
    for trial in trials(repetitions=3):
        name, rate = trial.params["schedule"], trial.params["base_rate"]
        far = abs(rate - 0.1)
        metrics = {
            "validation_error": 3 + far,
            "test_error": error(name) + far + trial.repetition / 1000,
        }
        curves = {"updates": [1000.0, 2000.0], "validation_error": [5.0, 3 + far]}
        found.append(Record(trial, "ok", "2026-01-01", metrics, curves))
    return found


@pytest.mark.parametrize(
    ("name", "halfway", "end"),
    [
        ("constant", 1.0, 1.0),
        ("step", 0.1, 0.01),
        ("linear", 0.5, 0.0),
        ("inverse sqrt", 51**-0.5, 101**-0.5),
        ("cosine", 0.5, 0.0),
        ("warm-up, linear", 5 / 9, 0.0),
    ],
)
def test_schedules_have_their_shapes(name, halfway, end):
    made = schedule(name, 0.4, 1000)
    value = made if callable(made) else lambda step: made
    found = [float(keras.ops.convert_to_numpy(value(step))) / 0.4 for step in (500, 999)]
    assert found == [pytest.approx(halfway, abs=0.01), pytest.approx(end, abs=0.01)]


def test_one_cycle_peaks_at_the_base_rate_and_ends_at_nothing():
    made = schedule("1cycle", 0.4, 1000)
    found = [float(keras.ops.convert_to_numpy(made(step))) for step in (0, 300, 999)]
    assert found == pytest.approx([0.016, 0.4, 0.0], abs=1e-3)


def test_all_arms_of_a_repetition_train_together():
    assert len({str(EXPERIMENT.structure(trial.params)) for trial in trials()}) == 1
    assert {trial.params["schedule"] for trial in trials()} == set(SCHEDULES)


def test_the_base_rate_is_chosen_by_validation():
    found = records(lambda name: 2.0)
    assert {chosen(found, name) for name in SCHEDULES} == {0.1}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda name: 3.0 if name == "constant" else 2.0, "reproduced"),
        (lambda name: 2.0 if name == "constant" else 3.0, "not reproduced"),
        (lambda name: {"constant": 3.0, "step": 4.0}.get(name, 2.0), "not reproduced"),
    ],
)
def test_verdicts(error, expected):
    verdict = CLAIM.judge(records(error))
    assert len(verdict.findings) == len(JUDGED)
    assert verdict.verdict == expected


def test_no_difference_reproduces_nothing():
    assert CLAIM.judge(records(lambda name: 3.0)).verdict != "reproduced"


def test_records_become_a_table_and_a_figure():
    made = run_report.make(EXPERIMENT, records(lambda name: 2.0))
    (section,) = made.sections
    assert all(name in made.text("pipe") for name in SCHEDULES)
    figure = Figure()
    section.view.draw(section, figure)
    assert len(figure.axes) == 2
