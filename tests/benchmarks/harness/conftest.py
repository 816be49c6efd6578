"""Builders of trials, records and a small experiment, shared by the harness tests."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import settings

from benchmarks.harness.claims import Claim, all_of, within
from benchmarks.harness.experiment import Choice, Experiment, Training
from benchmarks.harness.references import Reference
from benchmarks.harness.spec import Profile, Record, Trial
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import View, values

settings.register_profile("unhurried", settings(), deadline=None)  # machines differ in speed
settings.load_profile("unhurried")

PAPER = {
    "widths": [2048, 2048],
    "train_size": 60_000,
    "max_norm": 3.0,
    "input_stddev": 0.001,
    "points": 100,
    "curve_examples": 10_000,
}
QUICK = {
    "widths": [64, 64],
    "train_size": 500,
    "max_norm": 3.0,
    "input_stddev": None,
    "points": 3,
    "curve_examples": 100,
}
REFERENCE = Reference(
    source="Someone (2014)",
    place="Fig. 9",
    provenance="read off by eye",
    protocol="Batch size is not stated",
    values={"test_error": {0.1: 3.19, 0.5: 1.06}},
    spreads={"test_error": {0.1: 0.09, 0.5: 0.14}},
)
ENVIRONMENT = {
    "packages": {"keras": "3.15.1", "tensorflow": "2.21.0"},
    "backend": "tensorflow",
    "device": "Some CPU",
    "cores": 2,
}


def _grid(settings, kind):
    kinds = ("a", "b") if kind == "both" else (kind,)
    return [{**settings, "kind": one, "rate": rate} for one in kinds for rate in (0.1, 0.5)]


def _judge(records):
    error = mean_interval([*values(records, "test_error", kind="a", rate=0.5).values()])
    return all_of([within("error at rate .5", error, "%", low=0, high=2)])


@pytest.fixture(scope="session")
def demo() -> Experiment:
    """Two kinds, two rates; only kind "a" has published values."""
    return Experiment(
        name="demo",
        version=1,
        summary="an experiment for tests",
        profiles={
            "quick": Profile(QUICK, 3, {"digits": {"train_size": 300}}),
            "paper": Profile(PAPER, 5),
        },
        paper_dataset="MNIST",
        grid=_grid,
        work=Training(build=lambda *arguments: None, optimizer=lambda trial: None),
        views=(
            View(
                axis="rate",
                axis_title="rate p",
                metrics={"test_error": "test error %", "train_error": "train error %"},
                curves={"loss": "training loss"},
                split_by=("kind",),
                reference=lambda params: REFERENCE if params["kind"] == "a" else None,
            ),
        ),
        claims=(Claim("low-error", "the error at rate .5 is at most 2 %", _judge),),
        choices=(Choice("kind", ("a", "b", "both"), "which kind"),),
    )


@pytest.fixture(scope="session")
def mnist() -> SimpleNamespace:
    """An object with the attributes of a data set that `expand` reads."""
    return SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")


@pytest.fixture(scope="session")
def make_trial() -> Callable[..., Trial]:
    """A trial of the demo experiment; other arguments than fields are parameters."""

    def make(
        rate=0.5, repetition=0, kind="a", dataset="MNIST", profile="quick", seed=0, **params
    ) -> Trial:
        settings = PAPER if profile == "paper" else QUICK
        return Trial(
            experiment="demo",
            version=1,
            profile=profile,
            dataset=dataset,
            data="sha256:0",
            seed=seed,
            repetition=repetition,
            params={**settings, "kind": kind, "rate": rate, **params},
        )

    return make


@pytest.fixture(scope="session")
def make_record(make_trial) -> Callable[..., Record]:
    """A record with a test error, or of another status without one."""

    def make(test_error=1.0, status="ok", **trial) -> Record:
        ok = status == "ok"
        return Record(
            make_trial(**trial),
            status,
            finished="2026-01-01T00:00:00.000+00:00",
            metrics={"test_error": test_error, "train_error": test_error / 2} if ok else {},
            curves={"updates": [10, 20, 30], "seconds": [1, 2, 3], "loss": [2.0, 1.0, 0.5]},
            environment=ENVIRONMENT if status != "error" else {},
            error="Traceback\nValueError: no such thing" if status == "error" else None,
        )

    return make
