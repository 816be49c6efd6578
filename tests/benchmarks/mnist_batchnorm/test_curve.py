"""Fig. 1: accuracy by step, percentiles of a unit's input, and what is concluded from them."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.harness import data
from benchmarks.harness.results import run_report
from benchmarks.harness.training.trainer import Trainer
from benchmarks.mnist_batchnorm import network
from benchmarks.mnist_batchnorm.curve import EXPERIMENT, UNITS, probe, soonest, swing
from benchmarks.mnist_batchnorm.curve_views import paper

STEPS = np.arange(1_000.0, 51_000.0, 1_000.0)


def results(fast=2.0, ahead=0.5, swings=(1.0, 0.1)):
    """Errors fall as 10,000 / step to a floor.

    BN is `fast` times as fast and its floor is `ahead` pp lower. The best learning rate is 1 in
    both arms. `swings` are those of the median, without BN and with it.
    """

    def measure(params):
        bn = params["norm"] == "before"
        off = abs(np.log10(params["learning_rate"]))
        speed = (fast if bn else 1.0) / (1 + off)
        floor = 2.5 + off - ahead * bn
        errors = (floor + 10_000 / (speed * STEPS)).tolist()
        move = swings[bn]
        median = np.linspace(-move / 2, move / 2, len(STEPS))
        curves = {"updates": STEPS.tolist(), "validation_error": errors}
        for unit in range(UNITS):
            for percentile, shift in ((15, -0.5), (50, 0.0), (85, 0.5)):
                curves[f"unit_{unit}_p{percentile}"] = (median + shift).tolist()
        return {"validation_error": errors[-1], "test_error": errors[-1]}, curves

    return measure


@pytest.fixture
def verdict(made, judged):
    def judge(claim, repetitions=3, **options):
        found = made(EXPERIMENT, results(**options), repetitions)
        return judged(EXPERIMENT, claim, found)

    return judge


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "reproduced"),
        ({"fast": 0.5}, "not reproduced"),  # slower, though it ends higher
        ({"ahead": -0.3}, "not reproduced"),  # faster at first, and ends lower
        ({"repetitions": 1}, "inconclusive"),
    ],
)
def test_the_verdict_on_speed_follows_the_curves(verdict, options, expected):
    assert verdict("bn-faster", **options).verdict == expected


def test_speed_is_compared_at_the_rates_that_take_fewest_updates(made):
    found = made(EXPERIMENT, results(ahead=0.0))
    (slow, slow_by), (fast, fast_by) = (soonest(found, norm) for norm in ("none", "before"))
    assert (slow.value, fast.value) == (1.0, 1.0)
    assert not slow.at_edge
    assert fast_by.keys() == slow_by.keys() == {0, 1, 2}
    for key, spent in slow_by.items():
        assert spent / fast_by[key] == pytest.approx(2, rel=0.05)


def test_an_arm_that_never_reaches_the_target_counts_as_at_the_end(verdict):
    found = verdict("bn-faster", ahead=-5.0)  # BN ends at 7.5 %
    assert found.findings[-1].verdict == "not reproduced"
    assert found.findings[-1].interval.mean < 1


def test_where_no_arm_reaches_the_target_the_speed_is_open(made, judged):
    def measure(params):
        metrics, curves = results()(params)
        return metrics, curves | {"validation_error": [20.0] * len(STEPS)}

    found = judged(EXPERIMENT, "bn-faster", made(EXPERIMENT, measure))
    assert found.findings[-1].verdict == "not run"


@pytest.mark.parametrize(
    ("swings", "expected"),
    [
        ((1.0, 0.1), "reproduced"),
        ((1.0, 0.6), "not reproduced"),  # BN swings less, and is not steady
        ((0.05, 0.1), "not reproduced"),  # steady, and steadier without
    ],
)
def test_the_verdict_on_the_distribution_follows_the_medians(verdict, swings, expected):
    assert verdict("bn-distribution", swings=swings).verdict == expected


def test_the_swing_is_in_units_of_the_spread(made):
    found = made(EXPERIMENT, results(swings=(0.8, 0.1)))
    assert swing(found, "none") == pytest.approx(dict.fromkeys(range(3), 0.8))


def test_without_records_nothing_is_judged(judged):
    for claim in EXPERIMENT.claims:
        assert judged(EXPERIMENT, claim.id, []).verdict == "not run"


def test_the_table_has_the_papers_points_beside_ours(made):
    section, rates = run_report.make(EXPERIMENT, made(EXPERIMENT, results())).sections
    headers, rows = section.view.table(section)
    assert [row[0] for row in rows] == [
        f"{step}, validation accuracy %"
        for step in ("5,000", "10,000", "20,000", "30,000", "40,000", "44,000", "49,000")
    ] + ["end, test accuracy %"]
    first = dict(zip(headers, map(str, rows[0]), strict=True))
    assert first["without BN, learning rate 1.0"] == "95.50 ± 0.00"
    assert (first["paper: without BN"], first["paper: with BN"]) == ("78.40", "95.60")
    section.view.draw(section, Figure())
    _, rows = rates.view.table(rates)
    assert ["(chosen)" in f"{row[1]}" for row in rows] == [False, True, False]
    rates.view.draw(rates, Figure())


def test_the_published_curves_say_what_the_claim_says():
    without, with_bn = (paper(norm).values["accuracy"] for norm in ("none", "before"))
    assert all(with_bn[step] > without[step] for step in without.keys() & with_bn.keys())


def test_the_probe_sees_what_the_last_hidden_activation_gets(trials):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(200, 8, 8, 1)).astype("float32")
    examples = data.Examples(x, np.zeros(200, int))
    split = data.Split(examples, examples, examples)
    trial = trials(EXPERIMENT)[0]
    model = network.build(trial, (8, 8, 1), 10)
    layer = model.get_layer(network.activation_name(2))
    found = probe(trial, model, split)
    hidden = (x.reshape(200, -1) > 0.5).astype(float)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    kernels = [w.numpy() if hasattr(w, "numpy") else np.asarray(w) for w in model.weights][::2]
    for kernel in kernels[:2]:
        hidden = sigmoid(hidden @ kernel)
    inputs = hidden @ kernels[2]
    assert layer is not None
    for unit in range(UNITS):
        for percentile in (15, 50, 85):
            expected = np.percentile(inputs[:, unit], percentile)
            assert found[f"unit_{unit}_p{percentile}"] == pytest.approx(expected, abs=1e-3)


def test_a_smoke_run_on_digits_leaves_the_probes_curves(trials):
    digits = data.load("digits")
    found = [
        *EXPERIMENT.expand("smoke", digits, seed=0, repetitions=1, choices={}),
    ]
    records = Trainer(EXPERIMENT, digits).together(found[2:])  # the arm with BN
    for record in records:
        assert record.status == "ok"
        assert len(record.curves["unit_0_p50"]) == len(record.curves["updates"]) == 10
        assert record.metrics["unit_0_p50"] == record.curves["unit_0_p50"][-1]
    assert records[0].curves["unit_0_p50"] != records[1].curves["unit_0_p50"]
