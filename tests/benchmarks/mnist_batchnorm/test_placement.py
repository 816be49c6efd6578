"""Batch normalization before and after the activation."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.mnist_batchnorm.placement import EXPERIMENT

CLAIM = "bn-placement"


def results(after=0.0, relu_after=0.0):
    """BN after the activation errs so much more; the best rates differ from arm to arm."""

    def measure(params):
        behind = params["norm"] == "after"
        optimum = 0.3 if behind else 0.1
        error = 2.0 + abs(np.log10(params["learning_rate"] / optimum))
        error += behind * (relu_after if params["activation"] == "relu" else after)
        return {"validation_error": error, "test_error": error, "train_error": 0.0}, {}

    return measure


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "reproduced"),
        ({"after": 0.1}, "reproduced"),  # within the margin
        ({"after": 0.5}, "not reproduced"),
        ({"relu_after": -0.5}, "not reproduced"),
    ],
)
def test_the_verdict_is_equivalence_within_the_margin(made, judged, options, expected):
    assert judged(EXPERIMENT, CLAIM, made(EXPERIMENT, results(**options))).verdict == expected


def test_one_seed_shows_no_equivalence(made, judged):
    found = made(EXPERIMENT, results(), repetitions=1)
    assert judged(EXPERIMENT, CLAIM, found).verdict == "inconclusive"
    assert judged(EXPERIMENT, CLAIM, []).verdict == "not run"


def test_relu_starts_from_hes_weights(trials):
    stddevs = {t.params["activation"]: t.params["stddev"] for t in trials(EXPERIMENT)}
    assert stddevs == {"sigmoid": 0.1, "relu": None}


def test_the_table_has_both_at_their_rates(made):
    section, _ = run_report.make(EXPERIMENT, made(EXPERIMENT, results())).sections
    _, rows = section.view.table(section)
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("relu", "0.1 (edge of the grid)", "0.3"),
        ("sigmoid", "0.1 (edge of the grid)", "0.3"),
    ]
    section.view.draw(section, Figure())
