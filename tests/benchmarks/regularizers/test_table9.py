"""Table 9: the settings of each arm, the choice on validation images, and the verdicts."""

import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.regularizers.arms import ARMS, candidates
from benchmarks.regularizers.table9 import EXPERIMENT
from benchmarks.regularizers.views import CRITERIA

RANGES = {"learning_rate": (0.01, 1.0), "l2": (1e-4, 1e-2), "rate": (0.2, 0.6)}


def results(errors=None, stopped=1.0, small=None, effective=None):
    """Trial 3 is the best of every arm on validation images, and the worst on test images."""

    def measure(params):
        arm, best = params["arm"], params["candidate"] == 3
        error = (errors or {}).get(arm, 3.0)
        metrics = {
            "validation_error": 2.0 if best else 3.0,
            "test_error": error if best else 0.5,
            "test_loss": 0.2,
            "train_error": 0.1,
            "small_weights": (small or {}).get(arm, 5.0),
            "effective_weights": (effective or {}).get(arm, 40.0),
            "inputs": 300.0,
        }
        if arm == "none":
            for name in CRITERIA:
                metrics |= {f"{name}_{one}": metrics[one] for one in ("validation_error",)}
                metrics |= {f"{name}_test_error": metrics["test_error"] - stopped}
                metrics |= {f"{name}_test_loss": 0.2 - 0.1 * stopped, f"{name}_stopped_at": 500.0}
        return metrics

    return measure


def test_every_value_of_a_setting_is_tried_once():
    found = candidates(("rate", "l2"), RANGES, 5)
    assert len(found) == 5
    for name in RANGES:
        assert len({one[name] for one in found}) == 5
    assert sorted(one["rate"] for one in found) == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])
    assert found[2] == {"learning_rate": 0.1, "rate": 0.4, "l2": 0.001}


def test_numbers_of_trials_that_would_repeat_values_are_refused():
    with pytest.raises(ValueError, match=r"`trials` must not .*Received: trials=6"):
        candidates((), RANGES, 6)


def test_all_arms_have_the_same_number_of_trials(trials):
    counts = [sum(t.params["arm"] == arm for t in trials(EXPERIMENT)) for arm in ARMS]
    assert counts == [5] * len(ARMS)


def test_the_trials_of_an_arm_train_together(trials):
    structures = {str(EXPERIMENT.structure(trial.params)) for trial in trials(EXPERIMENT)}
    assert len(structures) == len(ARMS)


@pytest.mark.parametrize(
    ("errors", "stopped", "expected"),
    [
        ({"dropout": 1.0}, 1.0, "reproduced"),
        ({"dropout": 1.0, "max-norm": 0.8}, 1.0, "not reproduced"),
        ({"dropout": 1.0}, 2.5, "not reproduced"),  # early stopping ends at .5
    ],
)
def test_dropout_has_to_beat_every_rival(made, judged, errors, stopped, expected):
    records = made(EXPERIMENT, results(errors, stopped))
    assert judged(EXPERIMENT, "dropout-beats-decay", records) == expected


@pytest.mark.parametrize(("stopped", "expected"), [(1.0, "reproduced"), (-1.0, "not reproduced")])
def test_early_stopping_has_to_lower_loss_and_error(made, judged, stopped, expected):
    records = made(EXPERIMENT, results(stopped=stopped))
    assert judged(EXPERIMENT, "early-stopping", records) == expected


@pytest.mark.parametrize(
    ("small", "effective", "expected"),
    [
        ({"L1": 80.0}, {"L1": 10.0}, "reproduced"),
        ({"L1": 40.0}, {"L1": 10.0}, "not reproduced"),
        ({"L1": 80.0, "L2": 90.0}, {"L1": 10.0}, "not reproduced"),
        ({"L1": 80.0}, {"L1": 50.0}, "not reproduced"),
    ],
)
def test_l1_has_to_be_sparse_and_l2_spread(made, judged, small, effective, expected):
    records = made(EXPERIMENT, results(small=small, effective=effective))
    assert judged(EXPERIMENT, "l1-sparse", records) == expected


@pytest.mark.parametrize("claim", [claim.id for claim in EXPERIMENT.claims])
def test_without_records_nothing_is_judged(judged, claim):
    assert judged(EXPERIMENT, claim, []) == "not run"


def test_records_become_tables_and_figures(made):
    report = run_report.make(EXPERIMENT, made(EXPERIMENT, results({"dropout": 1.0})))
    text = report.text("pipe")
    assert all(name in text for name in (*ARMS, *CRITERIA.values()))
    arms = report.sections[0]
    headers, rows = arms.view.table(arms)
    by_name = {row[0]: dict(zip(headers, row, strict=True)) for row in rows}
    assert f"{by_name['dropout']['test error %']}".startswith("1.00")
    assert f"{by_name['early stopping']['test error %']}".startswith("2.00")
    assert by_name["L2"]["paper: test error %"] == "1.62"
    for section in report.sections:
        section.view.draw(section, Figure())
