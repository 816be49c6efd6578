"""XOR: perceptrons, networks with a hidden layer, and what is concluded."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.xor import EXPERIMENT, PERCEPTRON, POINTS, TABLES, WEIGHTS, TruthTables

(CLAIM,) = EXPERIMENT.claims


def trials(profile="quick", repetitions=3):
    return [*EXPERIMENT.expand(profile, TruthTables(), seed=0, repetitions=repetitions, choices={})]


@pytest.fixture(scope="module")
def measured():
    train = Trainer(EXPERIMENT, TruthTables())
    return [train(trial) for trial in trials("smoke", repetitions=2)]


def judged(networks=50.0, and_learned=100.0, xor_learned=0.0, cycles=100.0):
    records = []
    for trial in trials():
        metrics = {"learned": networks + trial.repetition * bool(networks)}
        if trial.params["network"] == PERCEPTRON:
            learned = {"AND": and_learned, "OR": 100.0, "XOR": xor_learned}[trial.params["task"]]
            metrics = {"learned": learned, "cycles": cycles}
        records.append(Record(trial, "ok", "", metrics=metrics))
    return CLAIM.judge(records).verdict


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({}, "reproduced"),
        ({"networks": 0.0}, "not reproduced"),
        ({"and_learned": 90.0}, "not reproduced"),
        ({"xor_learned": 5.0}, "not reproduced"),
        ({"cycles": 95.0}, "not reproduced"),
    ],
)
def test_the_verdict_follows_the_shares(shares, expected):
    assert judged(**shares) == expected


def test_perceptrons_learn_and_and_or_and_cycle_on_xor(measured):
    by_task = {r.trial.params["task"]: r for r in measured if len(r.metrics) > 1}
    assert {task: r.metrics["learned"] for task, r in by_task.items()} == {
        "AND": 100.0,
        "OR": 100.0,
        "XOR": 0.0,
    }
    assert by_task["XOR"].metrics["cycles"] == 100.0
    assert len(by_task["XOR"].curves["w1"]) > 1


def test_a_network_that_is_said_to_have_learned_computes_xor(measured):
    found = [r for r in measured if "learned_kernel_1" in r.curves]
    assert found
    for record in found:
        kernel, bias, out, shift = (np.array(record.curves[f"learned_{w}"]) for w in WEIGHTS)
        hidden = np.tanh(POINTS @ kernel.reshape(2, -1) + bias)
        np.testing.assert_array_equal(hidden @ out + shift > 0, np.array(TABLES["XOR"]) > 0)
        assert 0 < record.metrics["learned"] <= 100


def test_repetitions_draw_other_weights(measured):
    firsts = [r.curves["learned_kernel_1"] for r in measured if "learned_kernel_1" in r.curves]
    assert len({tuple(one) for one in firsts}) == len(firsts)


def test_table_and_figure(measured):
    (section,) = run_report.make(EXPERIMENT, measured).sections
    headers, rows = section.view.table(section)
    assert [row[:2] for row in rows] == [
        ["perceptron", "AND"],
        ["perceptron", "OR"],
        ["perceptron", "XOR"],
        ["2-2-1, tanh", "XOR"],
        ["2-4-1, tanh", "XOR"],
    ]
    assert "learned %, rate 1.0" in headers
    figure = Figure()
    section.view.draw(section, figure)
    assert sum(axes.get_visible() for axes in figure.axes) >= 4


def test_without_records_nothing_is_judged():
    assert CLAIM.judge([]).verdict == "not run"
