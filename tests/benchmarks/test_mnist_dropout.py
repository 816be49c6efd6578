"""The dropout experiment: its networks, its schedules and its verdicts."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.harness import references
from benchmarks.harness.experiment import as_json
from benchmarks.harness.spec import Record
from benchmarks.mnist_dropout import EXPERIMENT, KEEPS, PLATEAU

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(profile="quick", sweep="n", repetitions=1):
    return list(
        EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={"sweep": sweep})
    )


def at(keep, **options):
    return next(trial for trial in trials(**options) if trial.params["keep"] == keep)


def widths(trial):
    model = EXPERIMENT.work.build(trial, (28, 28, 1), 10)
    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_paper_is_the_published_architecture():
    assert widths(at(0.5, profile="paper")) == [2048, 2048, 2048, 10]
    assert widths(at(0.5, profile="paper", sweep="pn")) == [512, 512, 1024, 10]
    assert widths(at(1.0, profile="gpu", sweep="pn")) == [256, 256, 512, 10]


def test_both_sweeps_have_ten_rates_each():
    arms = [(t.params["sweep"], t.params["keep"]) for t in trials(sweep="both")]
    assert arms == [(sweep, keep) for sweep in ("n", "pn") for keep in KEEPS]


def test_arms_start_from_the_same_weights():
    low, high = (EXPERIMENT.work.build(at(keep), (28, 28, 1), 10) for keep in (0.2, 1.0))
    assert len(low.trainable_weights) == len(high.trainable_weights) == 8
    for a, b in zip(low.trainable_weights, high.trainable_weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def test_weights_have_the_published_scale_and_bound():
    model = EXPERIMENT.work.build(at(0.5, profile="paper"), (28, 28, 1), 10)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    stddevs = [float(ops.std(layer.kernel)) for layer in dense]
    expected = [0.001, 2048**-0.5, 2048**-0.5, 2048**-0.5]
    np.testing.assert_allclose(stddevs, expected, rtol=0.03)
    assert all(layer.kernel_constraint.max_value == 3.0 for layer in dense)


@pytest.mark.parametrize(
    ("profile", "step", "rate", "momentum"),
    [
        ("paper", 0, 1.0, 0.5),
        ("paper", 10_000, 0.5, 0.99 - 0.49 * np.exp(-0.1)),
        ("paper", 1_000_000, 1 / 101, 0.99 - 0.49 * np.exp(-10)),
        ("quick", 0, 0.05, 0.5),
        ("quick", 600, 0.025, 0.95 - 0.45 * np.exp(-5)),
        ("quick", 1_200, 0.0, 0.95),
    ],
)
def test_schedules(profile, step, rate, momentum):
    optimizer = EXPERIMENT.work.optimizer(at(0.5, profile=profile))
    optimizer.build([keras.Variable([0.0])])
    optimizer.iterations.assign(step)
    assert float(optimizer.learning_rate) == pytest.approx(rate, rel=1e-5)
    assert float(optimizer.current_momentum) == pytest.approx(momentum, rel=1e-4)


def records(error, repetitions=3, sweep="n", diverged=(), train_error=0.1):
    """One record per arm and repetition, with a little noise that the arms share."""
    return [
        Record(
            trial,
            "diverged" if trial.params["keep"] in diverged else "ok",
            finished="2026-01-01T00:00:00+00:00",
            metrics={}
            if trial.params["keep"] in diverged
            else {
                "test_error": error(trial.params["keep"]) + 0.01 * trial.repetition,
                "train_error": train_error + 0.01 * trial.repetition,
            },
        )
        for trial in trials(repetitions=repetitions, sweep=sweep)
    ]


def verdict(claim_id, found):
    (claim,) = (claim for claim in EXPERIMENT.claims if claim.id == claim_id)
    return claim.judge(found).verdict


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda keep: 1.0 if keep in PLATEAU else 2.0, "reproduced"),
        (lambda keep: 2 - keep, "not reproduced"),  # falls all the way: no rise to keep 1
        (lambda keep: 1 + keep, "not reproduced"),  # no rise to keep .1
        (lambda keep: (keep - 0.6) ** 2, "reproduced"),
        (lambda keep: 2 - keep + 2 * (keep > 0.6), "not reproduced"),  # a step, not a plateau
    ],
)
def test_the_rate_verdict_follows_the_shape(error, expected):
    assert verdict("dropout-rate", records(error)) == expected


@pytest.mark.parametrize("sweep", ["n", "pn"])
def test_the_networks_of_a_sweep_train_together(sweep):
    structures = {as_json(EXPERIMENT.structure(t.params)) for t in trials(sweep=sweep)}
    assert len(structures) == 1


@pytest.mark.parametrize("sweep", ["n", "pn"])
def test_the_published_values_reproduce_the_claim(sweep):
    published = references.load("dropout", f"fig9_{sweep}").values["test_error"]
    found = records(published.__getitem__, sweep=sweep)
    assert verdict("dropout-rate", found) == "reproduced"


@pytest.mark.parametrize(
    ("diverged", "expected"),
    [([0.1], "reproduced"), ([1.0], "reproduced"), ([0.6], "not reproduced")],
)
def test_an_arm_that_diverged_counts_as_guessing(diverged, expected):
    found = records(lambda keep: 1.0 if keep in PLATEAU else 2.0, diverged=diverged)
    assert verdict("dropout-rate", found) == expected


@pytest.mark.parametrize("missing", [0.1, 0.6, 1.0])
def test_an_arm_that_was_not_run_leaves_the_claim_open(missing):
    found = records(lambda keep: 1.0 if keep in PLATEAU else 2.0)
    found = [record for record in found if record.trial.params["keep"] != missing]
    assert verdict("dropout-rate", found) == "not run"


def test_a_plateau_that_was_not_trained_is_not_judged():
    found = records(lambda keep: 1.0 if keep in PLATEAU else 2.0, train_error=3.0)
    (claim,) = EXPERIMENT.claims
    assert claim.judge(found).label == "inconclusive: undertrained"


def test_one_seed_decides_nothing():
    found = records(lambda keep: 1.0 if keep in PLATEAU else 2.0, repetitions=1)
    assert verdict("dropout-rate", found) == "inconclusive"
