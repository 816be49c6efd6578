"""The grid of learning rates and initial weights."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.mnist_batchnorm.rates import EXPERIMENT


def results(highest=(1.0, 10.0), harms=(30.0, 1.0)):
    """Rates above the highest do not train; the worst initial weights cost `harms` pp."""

    def measure(params):
        bn = params["norm"] == "before"
        error = 4.0 - np.log10(params["learning_rate"])
        error = 90.0 if params["learning_rate"] > highest[bn] else error
        error += harms[bn] * (params["stddev"] != 0.1)
        return {"validation_error": min(error, 90.0), "test_error": error}, {}

    return measure


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "reproduced"),
        ({"highest": (10.0, 1.0)}, "not reproduced"),
        ({"harms": (1.0, 30.0)}, "not reproduced"),
    ],
)
def test_the_verdict_follows_the_grid(made, judged, options, expected):
    found = made(EXPERIMENT, results(**options))
    assert judged(EXPERIMENT, "bn-faster", found).verdict == expected


def test_the_highest_rate_is_counted_in_orders_of_magnitude(made, judged):
    verdict = judged(EXPERIMENT, "bn-faster", made(EXPERIMENT, results()))
    assert verdict.findings[0].interval.mean == pytest.approx(1)
    assert verdict.findings[1].interval.mean == pytest.approx(29, abs=0.1)


def test_without_records_nothing_is_judged(judged):
    assert judged(EXPERIMENT, "bn-faster", []).verdict == "not run"


def test_table_and_figure_have_every_arm(made):
    (section,) = run_report.make(EXPERIMENT, made(EXPERIMENT, results())).sections
    headers, rows = section.view.table(section)
    assert len(headers) == 1 + 2 * 3 + 1
    assert [row[0] for row in rows] == [0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
    figure = Figure()
    section.view.draw(section, figure)
    assert len(figure.axes) == 3
