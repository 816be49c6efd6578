"""The experiments that measure networks at initialization, and their verdicts."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.harness import data
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.initialization import activation_statistics, signals, vanishing_gradient

STATISTICS, GRADIENT = activation_statistics.EXPERIMENT, vanishing_gradient.EXPERIMENT
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


def trials(experiment, profile="smoke", repetitions=1, dataset=MNIST):
    return list(experiment.expand(profile, dataset, seed=0, repetitions=repetitions, choices={}))


def records(experiment, **metrics):
    """Three seeds of every arm, with metrics that are functions of the arm's network."""
    return [
        Record(
            trial,
            "ok",
            "2026-01-01",
            {
                name: value(trial.params["network"]) + trial.repetition / 1000
                for name, value in metrics.items()
            },
        )
        for trial in trials(experiment, repetitions=3)
    ]


def verdict(experiment, claim_id, found):
    (claim,) = [claim for claim in experiment.claims if claim.id == claim_id]
    return claim.judge(found).verdict


@pytest.mark.parametrize("experiment", [STATISTICS, GRADIENT], ids=lambda one: one.name)
def test_a_trial_measures_without_training_and_the_report_shows_it(
    experiment, tmp_path, picture_size
):
    digits = data.load("digits")
    train = Trainer(experiment, digits)
    some = [
        trial
        for trial in trials(experiment, dataset=digits)
        if trial.params["network"] in {"relu, He", "tanh, LSUV", "sigmoid, Xavier"}
    ]
    found = [train(trial) for trial in some]
    assert [record.status for record in found] == ["ok"] * 3
    again = train(some[0])
    volatile = {"time_over_relu"}
    for name in found[0].metrics.keys() - volatile:
        assert again.metrics[name] == pytest.approx(found[0].metrics[name], rel=1e-4, abs=1e-6)
    made = run_report.make(experiment, found)
    assert "relu, He" in made.text("pipe")
    paths = made.draw(tmp_path)
    assert all(min(picture_size(path)) > 200 for path in paths)


def test_lsuv_gives_the_trial_unit_variance_and_zero_mean_inputs():
    digits = data.load("digits")
    (trial,) = [
        t for t in trials(STATISTICS, dataset=digits) if t.params["network"] == "relu, LSUV"
    ]
    record = Trainer(STATISTICS, digits)(trial)
    # For standard normal inputs, ReLU outputs have a deviation of .58. Real data are not normal.
    assert record.curves["std"] == pytest.approx([0.58] * 5, abs=0.12)


def test_gradient_norms_are_those_of_the_loss_by_the_rule():
    """One linear layer: the gradient of cross-entropy is x^T (softmax - onehot) / n."""
    import keras
    from keras import ops

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False)])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)).astype("float32"), rng.integers(0, 3, 6)
    before = model.get_weights()[0]
    logits = x @ ops.convert_to_numpy(before)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.linalg.norm(x.T @ (shares - np.eye(3)[y]) / 6)
    assert signals.gradient_norms(model, x, y) == pytest.approx([expected], rel=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_half_active():
    for rate, expected in ((50.0, "reproduced"), (80.0, "not reproduced")):
        found = records(STATISTICS, active=lambda network, rate=rate: rate)
        assert verdict(STATISTICS, "half-active", found) == expected


def test_init_scale_requires_all_of_its_parts():
    ratios = {"tanh, normal .01": -8.0, "relu, Xavier": -2.0}
    metrics = {
        "log10_std_ratio": lambda network: ratios.get(network, 0.0),
        "last_saturated": lambda network: 90.0,
    }
    assert verdict(STATISTICS, "init-scale", records(STATISTICS, **metrics)) == "reproduced"
    for broken in ({"relu, Xavier": 0.0}, {"relu, He": -3.0}, {"tanh, normal .01": 0.0}):
        changed = {**ratios, **broken}
        metrics["log10_std_ratio"] = lambda network, changed=changed: changed.get(network, 0.0)
        assert verdict(STATISTICS, "init-scale", records(STATISTICS, **metrics)) == "not reproduced"


def test_elu_is_nearer_zero_and_slower():
    def offset(network):
        return 0.2 if network.startswith("elu") else 0.6

    found = records(STATISTICS, offset=offset, time_over_relu=lambda network: 3.0)
    assert verdict(STATISTICS, "elu-zero-mean", found) == "reproduced"
    found = records(STATISTICS, offset=offset, time_over_relu=lambda network: 0.3)
    assert verdict(STATISTICS, "elu-zero-mean", found) == "not reproduced"


def test_vanishing_gradient():
    ratios = {"sigmoid, Xavier": -6.0, "tanh, Xavier": -0.5, "relu, He": 0.1}
    found = records(GRADIENT, log10_ratio=lambda network: ratios.get(network, 0.0))
    assert verdict(GRADIENT, "vanishing-gradient", found) == "reproduced"
    found = records(GRADIENT, log10_ratio=lambda network: 0.0)
    assert verdict(GRADIENT, "vanishing-gradient", found) == "not reproduced"
    assert verdict(GRADIENT, "vanishing-gradient", []) == "not run"
