"""Profiles, trials and records: a profile expands to trials, and each trial leaves a record."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from benchmarks.harness import seeds

Params = Mapping[str, Any]


def without(params: Params, *names: str) -> dict[str, Any]:
    """The parameters except those called `names`."""
    return {name: value for name, value in params.items() if name not in names}


STATUSES = ("ok", "diverged", "error", "superseded")


@dataclass(frozen=True)
class Trial:
    """One run of one arm: everything that decides its result, except hardware and software."""

    experiment: str
    version: int
    profile: str
    dataset: str  # the data set's title, which tables print
    data: str  # the fingerprint of the data set's content
    seed: int
    repetition: int
    params: Params

    @cached_property
    def key(self) -> str:
        """A hash of all fields. Trials with the same key have the same result."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def derive(self, component: str, **axes: str | int) -> int:
        """The seed of one random component, such as "split", "init", "dropout" or "order".

        All trials of a repetition get the same seed, whatever their parameters. So the arms of an
        experiment are compared on the same split, the same initial weights and the same order.
        """
        return seeds.derive(self.seed, component, repetition=self.repetition, **axes)


@dataclass(frozen=True)
class Record:
    """The stored outcome of a trial.

    `times` has `wall_s` and `fit_s` if the trial trained alone. `point_s` and `startup_s` are those
    of its whole group: from one point of the curves to the next, and before, between and after
    them.

    `status` is "ok", "diverged" (the loss became infinite or NaN, or ended above ten times that of
    guessing, which is a result), "error" (the trial will run again) or "superseded" (a mark:
    certain other records of the trial no longer count).
    """

    trial: Trial
    status: str
    finished: str  # UTC, ISO 8601
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)  # seconds
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def done(self) -> bool:
        return self.status in ("ok", "diverged")


@dataclass(frozen=True)
class Profile:
    """The settings of an experiment at one size.

    `datasets` holds, by data set, the settings that differ for it. `costs` is a sentence that says
    how the smaller size affects the results.
    """

    settings: Params
    repetitions: int
    datasets: Mapping[str, Params] = field(default_factory=dict)
    costs: str = ""

    def settings_for(self, dataset: str) -> Params:
        return {**self.settings, **self.datasets.get(dataset, {})}
