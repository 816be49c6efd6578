"""Identities: measured on small layers, and judged by every number of inputs."""

import pytest

from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.spec import Record
from benchmarks.harness.training.trainer import Trainer
from benchmarks.identities import EXPERIMENT, ROUNDING, ROUNDING_OF_GRADIENTS

CLAIMS = {claim.id: claim for claim in EXPERIMENT.claims}


def trials(profile="quick", repetitions=3):
    return [
        *EXPERIMENT.expand(profile, RandomNumbers(), seed=0, repetitions=repetitions, choices={})
    ]


@pytest.fixture(scope="module")
def measured():
    train = Trainer(EXPERIMENT, RandomNumbers())
    return [train(trial) for trial in trials("smoke", repetitions=3)]


def test_every_claim_is_reproduced_on_small_layers(measured):
    assert {record.status for record in measured} == {"ok"}
    for claim in EXPERIMENT.claims:
        verdict = claim.judge(measured)
        assert verdict.verdict == "reproduced", claim.id
        assert all(finding.interval.count == 3 for finding in verdict.findings)


def test_repetitions_draw_different_numbers(measured):
    ratios = {r.metrics["variance_ratio"] for r in measured if "variance_ratio" in r.metrics}
    assert len(ratios) == 3


@pytest.mark.parametrize(
    ("claim", "statement", "metric"),
    [
        ("maxout-general", "maxout", "log10_difference_leaky_relu"),
        ("maxout-general", "maxout", "log10_difference_relu"),
        ("bn-bias-free", "bias before BN", "log10_difference_bias"),
        ("bn-scale", "weights before BN", "log10_difference_scaled"),
        ("bn-scale", "weights before BN", "log10_difference_gradient"),
    ],
)
def test_a_difference_at_one_number_of_inputs_refutes_the_claim(claim, statement, metric):
    def judged(at_784):
        right = {"log10_difference_relu": -7.0, "log10_difference_leaky_relu": -7.0}
        right |= {"parameters": 2.0, "log10_difference_bias": -7.0}
        right |= {"log10_difference_scaled": -7.0, "log10_difference_gradient": -7.0}
        found = []
        for trial in trials():
            metrics = dict(right)
            if trial.params["inputs"] == 784:
                metrics[metric] = at_784
            if trial.params["statement"] == statement:
                found.append(Record(trial, "ok", "", metrics=metrics))
        return CLAIMS[claim].judge(found).verdict

    assert judged(at_784=-7.0) == "reproduced"
    bound = ROUNDING_OF_GRADIENTS if metric.endswith("gradient") else ROUNDING
    assert judged(at_784=bound + 1) == "not reproduced"


def test_a_variance_that_is_off_by_a_tenth_refutes_the_claim():
    def judged(ratio):
        found = [
            Record(trial, "ok", "", metrics={"variance_ratio": ratio})
            for trial in trials()
            if trial.params["statement"] == "variance"
        ]
        return CLAIMS["xavier-variance"].judge(found).verdict

    assert [judged(ratio) for ratio in (1.0, 1.1)] == ["reproduced", "not reproduced"]
