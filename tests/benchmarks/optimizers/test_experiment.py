"""The study of surfaces: its arms, its tuning, its table and its verdict."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.optimizers.experiment import EXPERIMENT, rates
from benchmarks.optimizers.methods import METHODS
from benchmarks.optimizers.problems import axes, starts

(CLAIM,) = EXPERIMENT.claims


def trials(profile="quick", repetitions=1):
    expanded = EXPERIMENT.expand(
        profile, RandomNumbers(), seed=0, repetitions=repetitions, choices={}
    )
    return list(expanded)


def records(steps, turns=90.0, repetitions=3):
    """`steps` by problem and optimizer, times 10 to the power of a little noise."""
    found = []
    for trial in trials(repetitions=repetitions):
        count = steps(trial.params["problem"], trial.params["optimizer"])
        metrics = {
            "steps": count,
            "log10_steps": np.log10(count) + trial.repetition / 1000,
            "arrived": 100.0,
            "rate": 0.1,
            "turns": turns + trial.repetition / 10,
            "path": 2.0,
        }
        found.append(Record(trial, "ok", "2026-01-01", metrics))
    return found


def test_every_optimizer_is_tuned_on_the_same_rates():
    grids = {tuple(rates(trial.params)) for trial in trials()}
    assert len(grids) == 1
    (grid,) = grids
    assert (grid[0], grid[-1]) == pytest.approx((1e-5, 1e2))
    arms = {(t.params["problem"], t.params.get("condition")) for t in trials()}
    for problem, condition in arms:
        held = [
            t.params["optimizer"]
            for t in trials()
            if (t.params["problem"], t.params.get("condition")) == (problem, condition)
        ]
        assert held[: len(METHODS)] == list(METHODS)


def test_arms_of_a_repetition_share_axes_and_starts():
    for problem in ("quadratic", "turned quadratic", "Rosenbrock"):
        alike = [t for t in trials(repetitions=2) if t.params["problem"] == problem]
        for repetition in (0, 1):
            found = [starts(t) for t in alike if t.repetition == repetition]
            assert all(np.array_equal(found[0], other) for other in found)
        assert not np.array_equal(starts(alike[0]), starts(alike[-1]))
    turned = [t for t in trials() if t.params["problem"] == "turned quadratic"]
    np.testing.assert_allclose(axes(turned[0]).T @ axes(turned[0]), np.eye(10), atol=1e-12)


@pytest.mark.parametrize(
    ("steps", "turns", "expected"),
    [
        (lambda problem, method: 1000 if method == "SGD" else 100, 90, "reproduced"),
        (lambda problem, method: 1000 if method == "SGD" else 100, 10, "not reproduced"),
        (lambda problem, method: 1000, 90, "not reproduced"),
        (
            lambda problem, method: (
                (5000 if (problem, method) == ("turned quadratic", "AdaGrad") else 100)
                if method != "SGD"
                else 1000
            ),
            90,
            "not reproduced",
        ),
    ],
)
def test_one_optimizer_that_does_not_help_refutes_the_claim(steps, turns, expected):
    assert CLAIM.judge(records(steps, turns)).verdict == expected


def test_two_optimizers_that_both_fail_to_arrive_are_no_gain():
    """All counts are then the cap: no difference reproduces nothing."""
    assert CLAIM.judge(records(lambda problem, method: 50_000)).verdict == "not reproduced"


def test_records_become_tables_and_figures():
    found = records(lambda problem, method: 1000.0)
    drawn = [
        Record(r.trial, r.status, r.finished, r.metrics, {"x": [1.0, 0.5], "y": [0.5, 0.1]})
        if r.trial.params["problem"] in ("plane", "turned plane", "Rosenbrock")
        else r
        for r in found
    ]
    made = run_report.make(EXPERIMENT, drawn)
    assert len(made.sections) == 5
    text = made.text("pipe")
    assert "1,000 ± 0 (0.1)" in text
    for section in made.sections:
        figure = Figure()
        section.view.draw(section, figure)
        assert figure.axes


def test_a_small_run_measures_what_theory_says():
    train = Trainer(EXPERIMENT, RandomNumbers())
    wanted = [
        trial
        for trial in trials("smoke")
        if trial.params.get("condition") == 100
        and trial.params["optimizer"] in ("SGD", "SGD, theory", "Nesterov, theory")
        and trial.params["problem"] == "quadratic"
    ]
    found = {t.params["optimizer"]: train(t).metrics for t in wanted}
    for name in ("SGD, theory", "Nesterov, theory"):
        assert found[name]["arrived"] == 100
        assert found[name]["steps"] == pytest.approx(found[name]["steps_by_theory"], rel=0.4)
    assert found["SGD, theory"]["turns"] == 100
    assert found["SGD"]["steps"] > found["Nesterov, theory"]["steps"]
