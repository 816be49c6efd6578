"""The study of groups: arms, network and verdict."""

from types import SimpleNamespace

import pytest

from benchmarks.harness import references
from benchmarks.harness.results.run_report import make
from benchmarks.harness.spec import Record
from benchmarks.norm_batch_size.groups import EXPERIMENT
from benchmarks.norm_batch_size.training import ERROR
from keras_ddl.layers import GroupNormalization

CIFAR10 = SimpleNamespace(name="cifar10", title="CIFAR-10", fingerprint="sha256:0")
PUBLISHED = {
    by: references.load("group_normalization", by).values[ERROR]
    for by in ("groups", "channels_per_group")
}


def trials(profile="quick", repetitions=1):
    return list(EXPERIMENT.expand(profile, CIFAR10, seed=0, repetitions=repetitions, choices={}))


def records(error, repetitions=3, train_error=10.0):
    return [
        Record(
            trial,
            "ok",
            finished="2026-01-01T00:00:00+00:00",
            metrics={
                ERROR: error(trial.params["by"], trial.params["size"]) + 0.1 * trial.repetition,
                "train_error": train_error + 0.1 * trial.repetition,
            },
        )
        for trial in trials(repetitions=repetitions)
    ]


def test_paper_has_the_published_arms_and_each_is_built_as_named():
    arms = [(trial.params["by"], trial.params["size"]) for trial in trials("paper")]
    assert arms == [(by, size) for by in PUBLISHED for size in (64, 32, 16, 8, 4, 2, 1)]
    for trial in trials("smoke"):
        model = EXPERIMENT.work.build(trial, (8, 8, 3), 10)
        layers = [layer for layer in model.layers if isinstance(layer, GroupNormalization)]
        by, size = trial.params["by"], trial.params["size"]
        assert {getattr(layer, by) for layer in layers} == {min(size, 4), min(size, 8)}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda by, size: PUBLISHED[by][size], "reproduced"),
        (lambda by, size: 24 + size, "not reproduced"),
        (lambda by, size: 24 - (size == 1 and by == "groups"), "not reproduced"),  # LN is better
        (lambda by, size: 24 - (size == 1 and by != "groups"), "not reproduced"),  # IN is
    ],
)
def test_the_verdict_follows_the_shape(error, expected):
    (claim,) = EXPERIMENT.claims
    assert claim.judge(records(error)).verdict == expected


def test_each_size_between_counts_and_not_their_mean():
    (claim,) = EXPERIMENT.claims
    found = records(lambda by, size: {1: 25.0, 4: 25.5}.get(size, 20.0))
    assert claim.judge(found).verdict == "not reproduced"


def test_networks_that_learned_too_little_are_not_compared():
    (claim,) = EXPERIMENT.claims
    found = records(lambda by, size: PUBLISHED[by][size], train_error=60.0)
    assert claim.judge(found).label == "inconclusive: undertrained"


def test_an_end_that_was_not_run_leaves_the_claim_open():
    (claim,) = EXPERIMENT.claims
    found = records(lambda by, size: PUBLISHED[by][size])
    found = [r for r in found if (r.trial.params["by"], r.trial.params["size"]) != ("groups", 1)]
    assert claim.judge(found).verdict == "not run"
    assert claim.judge([]).verdict == "not run"


def test_the_papers_values_stand_beside():
    text = make(EXPERIMENT, records(lambda by, size: 50.0)).text()
    assert "25.30" in text
    assert "28.40" in text
