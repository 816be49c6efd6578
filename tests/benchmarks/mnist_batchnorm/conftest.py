"""Trials of the batch-normalization studies, and records of them with made-up results."""

from types import SimpleNamespace

import pytest

from benchmarks.harness.spec import Record

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


@pytest.fixture
def trials():
    """`(experiment, profile, repetitions) -> trials` on a data set that is called MNIST."""

    def expand(experiment, profile="quick", repetitions=1):
        return [*experiment.expand(profile, MNIST, seed=0, repetitions=repetitions, choices={})]

    return expand


@pytest.fixture
def made(trials):
    """Records of an experiment's quick profile: `measure(params) -> (metrics, curves)`.

    Repetitions differ by a shift of the errors that all arms share.
    """

    def make(experiment, measure, repetitions=3):
        records = []
        for trial in trials(experiment, repetitions=repetitions):
            metrics, curves = measure(trial.params)
            shifted = {
                name: value + 0.01 * trial.repetition if name.endswith("error") else value
                for name, value in metrics.items()
            }
            when = "2026-01-01T00:00:00+00:00"
            records.append(Record(trial, "ok", when, metrics=shifted, curves=curves))
        return records

    return make


@pytest.fixture
def judged():
    """`(experiment, claim, records) -> verdict`."""

    def judge(experiment, claim_id, records):
        (claim,) = (claim for claim in experiment.claims if claim.id == claim_id)
        return claim.judge(records)

    return judge
