"""The gap between test and training error with batch normalization and dropout."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.mnist_batchnorm.gap import ARMS, EXPERIMENT

CLAIM = "bn-regularises"


def results(test, train=None):
    """Test and training errors by arm at the best learning rate, .1."""

    def measure(params):
        off = abs(np.log10(params["learning_rate"] / 0.1))
        error = test[params["arm"]] + off
        trained = (train or {}).get(params["arm"], 0.0)
        return {"validation_error": error, "test_error": error, "train_error": trained}, {}

    return measure


ERRORS = {"neither": 5.0, "dropout": 4.0, "BN": 4.2, "BN and dropout": 4.0}


@pytest.mark.parametrize(
    ("test", "train", "expected"),
    [
        (ERRORS, {}, "reproduced"),
        (ERRORS | {"BN": 5.3, "BN and dropout": 5.2}, {}, "not reproduced"),  # a wider gap
        (ERRORS | {"BN and dropout": 2.0}, {}, "not reproduced"),  # dropout gains more with BN
        (ERRORS, {"neither": 3.0, "dropout": 3.0}, "inconclusive"),  # undertrained
    ],
)
def test_the_verdict_follows_gaps_and_gains(made, judged, test, train, expected):
    assert judged(EXPERIMENT, CLAIM, made(EXPERIMENT, results(test, train))).verdict == expected


def test_without_records_nothing_is_judged(judged):
    assert judged(EXPERIMENT, CLAIM, []).verdict == "not run"


def test_arms_without_dropout_keep_every_unit(trials):
    keeps = {t.params["arm"]: t.params["keep"] for t in trials(EXPERIMENT)}
    assert keeps == {"neither": 1.0, "dropout": 0.5, "BN": 1.0, "BN and dropout": 0.5}


def test_the_table_has_each_arm_at_its_rate(made):
    section, _ = run_report.make(EXPERIMENT, made(EXPERIMENT, results(ERRORS))).sections
    headers, rows = section.view.table(section)
    assert [row[:2] for row in rows] == [[name, "0.1"] for name in ARMS]
    gains = [f"{row[headers.index('gain of dropout pp')]}" for row in rows]
    assert gains == ["", "1.00 ± 0.00", "", "0.20 ± 0.00"]
    section.view.draw(section, Figure())
