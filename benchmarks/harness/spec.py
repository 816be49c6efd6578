"""Profiles expand to trials, and trials leave records."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from benchmarks.harness import seeds

Params = Mapping[str, Any]
STATUSES = ("ok", "diverged", "error", "superseded")


@dataclass(frozen=True)
class Trial:
    """One training run: everything that decides its result, hardware and software apart."""

    experiment: str
    version: int
    profile: str
    dataset: str  # the title that tables print
    data: str  # the content's fingerprint
    seed: int
    repetition: int
    params: Params

    @cached_property
    def key(self) -> str:
        """A hash of all the fields: the same key, the same result."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def derive(self, component: str, **axes: str | int) -> int:
        """A seed shared by all trials of this repetition, whatever their parameters."""
        return seeds.derive(self.seed, component, repetition=self.repetition, **axes)


@dataclass(frozen=True)
class Record:
    """What a trial left behind.

    `status` is "ok", "diverged" (the loss ceased to be finite: a result), "error" (to be tried
    again) or "superseded" (a mark that certain other records of the trial no longer count).
    """

    trial: Trial
    status: str
    finished: str  # UTC, ISO 8601
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)  # seconds; none in grouped runs
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def done(self) -> bool:
        return self.status in ("ok", "diverged")


@dataclass(frozen=True)
class Profile:
    """A named size of an experiment.

    `datasets` overrides settings for one data set; `costs` says in a sentence what the scale-down
    costs.
    """

    settings: Params
    repetitions: int
    datasets: Mapping[str, Params] = field(default_factory=dict)
    costs: str = ""

    def settings_for(self, dataset: str) -> Params:
        return {**self.settings, **self.datasets.get(dataset, {})}
