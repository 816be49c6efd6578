"""What an experiment declares: arms, work, views and claims."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.claims import Claim
from benchmarks.harness.spec import Params, Profile, Trial
from benchmarks.harness.views import View


def as_json(params: Params) -> str:
    """Equal for equal parameters, before and after they were stored."""
    return json.dumps(params, sort_keys=True)


def _naming(view: View) -> tuple[str, ...]:
    """The parameters that tell a view's arms apart."""
    return (*view.split_by, view.axis, *view.series)


@dataclass(frozen=True)
class Choice:
    """A flag of one experiment: `--name value`. The first value is the default."""

    name: str
    values: tuple[str, ...]
    help: str


Metrics = dict[str, float]
Curves = dict[str, list[float]]


@dataclass(frozen=True)
class Training:
    """An experiment's trials train a model.

    Args:
        build: `(trial, input_shape, num_classes) -> model`, not compiled, giving logits.
        optimizer: `(trial) -> optimizer`.
        structure: `(params) -> params`, those that a population must share. Trials that agree
            in them train together as a `keras_ddl.Population`. They must have one batch size, one
            number of updates and one optimizer, except for its learning rate. None (default):
            each trains alone.
        watchers: `(trials, splits) -> Keras callbacks` that watch the training of these trials.
            What they put into the logs under a name without "/", or into a population's
            `member_logs`, becomes a curve, and its last value a metric.
        small_steps: `(trial) -> bool`, whether a step is so small that TensorFlow spends it on
            starting operations: XLA, and many steps in a call, are then much faster.
        trainer: `(experiment, dataset) -> trainer`, in place of the harness' `Trainer`.
    """

    build: Callable[..., Any]
    optimizer: Callable[[Trial], Any]
    structure: Callable[[Params], Params] | None = None
    watchers: Callable[..., Sequence[Any]] = lambda trials, splits: ()
    small_steps: Callable[[Trial], bool] = lambda trial: False
    trainer: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Measuring:
    """An experiment's trials train nothing.

    Args:
        measure: `(trial, model, split) -> (metrics, curves)`, or `(trial) -> (metrics, curves)`
            without `build`.
        build: `(trial, input_shape, num_classes) -> model`. None (default): no model is built and
            no data are read.
    """

    measure: Callable[..., tuple[Metrics, Curves]]
    build: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Experiment:
    """What one command of `benchmarks/` declares.

    Args:
        name: of its folder of records and its profiles.
        version: raised whenever the same parameters mean something else.
        summary: one line for lists and `--help`.
        profiles: by name; "paper" holds the published set-up that others are compared with.
        paper_dataset: the title of the data set that the paper used.
        grid: `(settings, **choices) -> parameter mappings`, one for each arm.
        work: what a trial does.
        views: how records become tables and figures.
        claims: what is judged from the records.
        choices: the experiment's own flags; their values are keyword arguments of `grid`.
        datasets: what `--dataset auto` looks for, in that order, before digits.
        load: `(data_dir) -> data set`, for one that the data layer does not have.
    """

    name: str
    version: int
    summary: str
    profiles: Mapping[str, Profile]
    paper_dataset: str
    grid: Callable[..., Sequence[Params]]
    work: Training | Measuring
    views: tuple[View, ...] = ()
    claims: tuple[Claim, ...] = ()
    choices: tuple[Choice, ...] = ()
    datasets: tuple[str, ...] = ("mnist",)
    load: Callable[..., Any] | None = None

    @property
    def structure(self) -> Callable[[Params], Params] | None:
        """What trials that train together agree in; None if all run alone."""
        return self.work.structure if isinstance(self.work, Training) else None

    def is_current(self, trial: Trial) -> bool:
        """Whether a stored trial is still one that this experiment would run."""
        profile = self.profiles.get(trial.profile)
        if profile is None or trial.version != self.version:
            return False
        names = [choice.name for choice in self.choices]
        return any(
            as_json(params) == as_json(trial.params)
            for dataset in ("any other", *profile.datasets)
            for values in itertools.product(*(choice.values for choice in self.choices))
            for params in self.grid(
                profile.settings_for(dataset), **dict(zip(names, values, strict=True))
            )
        )

    def label(self, trial: Trial) -> str:
        """What sets a trial apart from the others of its run, in a few words."""
        names = dict.fromkeys(name for view in self.views for name in _naming(view))
        arm = [f"{name} {trial.params[name]}" for name in names if name in trial.params]
        return ", ".join([*arm, f"repetition {trial.repetition}"])

    def expand(
        self, profile: str, dataset: Any, *, seed: int, repetitions: int, choices: Mapping[str, str]
    ) -> Iterator[Trial]:
        """All trials, repetition by repetition, so that an unfinished sweep holds whole pairs."""
        chosen = {choice.name: choice.values[0] for choice in self.choices} | dict(choices)
        arms = self.grid(self.profiles[profile].settings_for(dataset.name), **chosen)
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
