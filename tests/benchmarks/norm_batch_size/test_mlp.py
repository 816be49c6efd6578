"""The study of layer normalization on MNIST: arms, network and verdict."""

from types import SimpleNamespace

import keras
import pytest

from benchmarks.harness import references
from benchmarks.harness.spec import Record
from benchmarks.norm_batch_size.mlp import EXPERIMENT
from benchmarks.norm_batch_size.training import ERROR, TEST

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
PUBLISHED = references.load("layer_normalization", "fig6").values


def trials(profile="quick", repetitions=1):
    return list(EXPERIMENT.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={}))


def judged(error, missing=None, on_test=None, train_error=0.1):
    found = [
        Record(
            trial,
            "ok",
            finished="2026-01-01T00:00:00+00:00",
            metrics={
                ERROR: error(*arm) + 0.01 * trial.repetition,
                TEST: (on_test or error)(*arm) + 0.01 * trial.repetition,
                "train_error": train_error + 0.01 * trial.repetition,
            },
        )
        for trial in trials(repetitions=3)
        if (arm := (trial.params["norm"], trial.params["batch_size"])) != missing
    ]
    (claim,) = EXPERIMENT.claims
    return claim.judge(found).verdict


def test_bn_is_on_all_layers_and_ln_on_the_hidden_ones():
    found = {}
    for trial in trials("paper"):
        model = EXPERIMENT.work.build(trial, (28, 28, 1), 10)
        widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        assert widths == [1000, 1000, 10]
        found[trial.params["norm"]] = [
            sum(isinstance(layer, kind) for layer in model.layers)
            for kind in (keras.layers.LayerNormalization, keras.layers.BatchNormalization)
        ]
    assert found == {"LN": [2, 0], "BN": [0, 3], "none": [0, 0]}


def test_bn_has_no_batch_of_one():
    arms = {(t.params["norm"], t.params["batch_size"]) for t in trials("paper")}
    assert ("BN", 1) not in arms
    assert {("LN", 1), ("BN", 4), ("LN", 128)} <= arms


def test_the_verdict_follows_the_errors():
    def published(norm, size):
        return PUBLISHED[norm].get(size, PUBLISHED[norm][4])  # batch 1 as batch 4

    assert judged(published) == "reproduced"
    assert judged(published, missing=("LN", 1)) == "not run"
    assert judged(lambda norm, size: 9.0 if size == 1 else published(norm, size)) == (
        "not reproduced"
    )
    assert judged(lambda norm, size: 2.0 + (norm == "LN")) == "not reproduced"
    assert judged(published, on_test=lambda norm, size: 2.0 + (norm == "LN")) == "not reproduced"
    assert judged(published, train_error=5.0) == "inconclusive"


def test_ln_at_batch_1_must_err_about_as_at_batch_128():
    def far(norm, size):
        return {("BN", 4): 9.0, ("BN", 128): 5.0, ("LN", 128): 3.0, ("LN", 4): 4.0}.get(
            (norm, size), 6.0
        )

    assert judged(far) == "not reproduced"


@pytest.mark.parametrize("profile", EXPERIMENT.profiles)
def test_points_divide_updates(profile):
    assert all(t.params["updates"] % t.params["points"] == 0 for t in trials(profile))
