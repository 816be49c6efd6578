"""Trials of the studies of regularizers, and records of them with made-up results."""

from types import SimpleNamespace

import pytest

from benchmarks.harness.spec import Record

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


@pytest.fixture
def trials():
    """`(experiment, repetitions) -> trials` of the quick profile."""

    def expand(experiment, repetitions=1):
        return [*experiment.expand("quick", MNIST, seed=0, repetitions=repetitions, choices={})]

    return expand


@pytest.fixture
def made(trials):
    """Records: `measure(params) -> metrics`. Repetitions differ by a shift that all arms share."""

    def make(experiment, measure):
        return [
            Record(
                trial,
                "ok",
                "2026-01-01T00:00:00+00:00",
                metrics={k: v + trial.repetition / 1000 for k, v in measure(trial.params).items()},
                curves={"updates": [1.0], "validation_loss": [1.0], "validation_error": [1.0]},
            )
            for trial in trials(experiment, 3)
        ]

    return make


@pytest.fixture
def judged():
    """`(experiment, claim, records) -> verdict`."""

    def judge(experiment, claim_id, records):
        (claim,) = (claim for claim in experiment.claims if claim.id == claim_id)
        return claim.judge(records).verdict

    return judge
