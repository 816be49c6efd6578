"""What one file of `benchmarks/` declares: arms, model, views and claims."""

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


@dataclass(frozen=True)
class Experiment:
    """One file of `benchmarks/`.

    Args:
        name: the module's name.
        version: raised whenever the same parameters would mean something else.
        summary: one line for lists and `--help`.
        profiles: by name; "paper" holds the published set-up that others are compared with.
        paper_dataset: the title of the data set that the paper used.
        grid: `(settings, choices) -> parameter mappings`, one for each arm.
        build: `(trial, input_shape, num_classes) -> model`, not compiled, giving logits.
        optimizer: `(trial) -> optimizer`; None if `measure` is given.
        structure: `(params) -> params`, those that the compiled step is made of. Trials that agree
            in them differ in the values of weights, in learning rates and in data alone, and can
            train together as a `keras_ddl.Population`. None (default): each trains alone; so must
            those with `watchers`.
        measure: `(trial, model, data) -> (metrics, curves)` for an experiment that trains nothing:
            what is seen of the model on the data's split. None (default): it is trained.
        watchers: `(trial, data) -> Keras callbacks` that watch the training. What they put into the
            logs under a name without "/" becomes a curve, and its last value a metric.
        views: how records become tables and figures.
        claims: what is judged from the records.
        choices: flags of its own.
        datasets: what `--dataset auto` looks for, in that order, before digits.
        load: `(data_dir) -> data set`, for one that the data layer does not have.
        trainer: `(experiment, dataset) -> trainer`, in place of the harness' `Trainer`.
        small_steps: `(trial) -> bool`, whether a step is so small that TensorFlow spends it on
            starting operations: XLA, and many steps in a call, are then much faster.
    """

    name: str
    version: int
    summary: str
    profiles: Mapping[str, Profile]
    paper_dataset: str
    grid: Callable[[Params, Mapping[str, str]], Sequence[Params]]
    build: Callable[..., Any]
    optimizer: Callable[[Trial], Any] | None = None
    views: tuple[View, ...] = ()
    claims: tuple[Claim, ...] = ()
    choices: tuple[Choice, ...] = ()
    structure: Callable[[Params], Params] | None = None
    measure: Callable[..., tuple[dict[str, float], dict[str, list[float]]]] | None = None
    watchers: Callable[..., Sequence[Any]] = lambda trial, data: ()
    datasets: tuple[str, ...] = ("mnist",)
    small_steps: Callable[[Trial], bool] = lambda trial: False
    load: Callable[..., Any] | None = None
    trainer: Callable[..., Any] | None = None

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
                profile.settings_for(dataset), dict(zip(names, values, strict=True))
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
