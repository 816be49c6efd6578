"""What an experiment is made of: profiles expand to trials, and trials leave records."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.harness import seeds

if TYPE_CHECKING:  # these import matplotlib, scipy or Keras, which a list of experiments needs not
    from benchmarks.harness.claims import Verdict
    from benchmarks.harness.views import View

Params = Mapping[str, Any]


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
    again) or "superseded" (a mark that older records of the trial no longer count).
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
    """A named size of an experiment. `datasets` overrides settings for one data set."""

    settings: Params
    repetitions: int
    datasets: Mapping[str, Params] = field(default_factory=dict)

    def settings_for(self, dataset: str) -> Params:
        return {**self.settings, **self.datasets.get(dataset, {})}


@dataclass(frozen=True)
class Choice:
    """A flag of one experiment: `--name value`. The first value is the default."""

    name: str
    values: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Claim:
    """A sentence of a lecture or a paper, and the predicate over records that judges it."""

    id: str
    statement: str
    judge: Callable[[Sequence[Record]], "Verdict"]


@dataclass(frozen=True)
class Experiment:
    """One file of `benchmarks/`.

    Args:
        name: the module's name.
        version: raised whenever the same parameters would mean something else.
        summary: one line for lists and `--help`.
        profiles: by name; "paper" holds the published set-up that others are compared with.
        grid: `(settings, choices) -> parameter mappings`, one for each arm.
        build: `(trial, input_shape, num_classes) -> model`, not compiled, giving logits.
        optimizer: `(trial) -> optimizer`.
        views: how records become tables and figures.
        claims: what is judged from the records.
        choices: flags of its own.
    """

    name: str
    version: int
    summary: str
    profiles: Mapping[str, Profile]
    grid: Callable[[Params, Mapping[str, str]], Sequence[Params]]
    build: Callable[..., Any]
    optimizer: Callable[[Trial], Any]
    views: tuple["View", ...] = ()
    claims: tuple[Claim, ...] = ()
    choices: tuple[Choice, ...] = ()

    def label(self, trial: Trial) -> str:
        """What sets a trial apart from the others of its run, in a few words."""
        names = dict.fromkeys(name for view in self.views for name in (*view.split_by, view.axis))
        arm = [f"{name} {trial.params[name]}" for name in names if name in trial.params]
        return ", ".join([*arm, f"repetition {trial.repetition}"])

    def expand(
        self, profile: str, dataset: Any, *, seed: int, repetitions: int, choices: Mapping[str, str]
    ) -> Iterator[Trial]:
        """All trials, repetition by repetition, so that an unfinished sweep holds whole pairs."""
        arms = self.grid(self.profiles[profile].settings_for(dataset.name), choices)
        for repetition in range(repetitions):
            for params in arms:
                yield Trial(
                    experiment=self.name,
                    version=self.version,
                    profile=profile,
                    dataset=dataset.title,
                    data=dataset.fingerprint,
                    seed=seed,
                    repetition=repetition,
                    params=params,
                )
