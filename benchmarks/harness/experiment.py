"""The declaration of an experiment: arms, work, views and claims."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.claims import Claim
from benchmarks.harness.spec import Params, Profile, Trial
from benchmarks.harness.views import View


def as_json(params: Params) -> str:
    """Parameters as a string. Equal parameters give equal strings, before and after storing."""
    return json.dumps(params, sort_keys=True)


def _naming(view: View) -> tuple[str, ...]:
    """The names of the parameters in which a view's arms differ."""
    return (*view.split_by, view.axis, *view.series)


@dataclass(frozen=True)
class Choice:
    """A flag `--name value` of one experiment. The first value is the default."""

    name: str
    values: tuple[str, ...]
    help: str


Metrics = dict[str, float]
Curves = dict[str, list[float]]


@dataclass(frozen=True)
class Training:
    """The work of an experiment whose trials train a model.

    Args:
        build: `(trial, input_shape, num_classes) -> model`. The model returns logits and is not
            compiled.
        optimizer: `(trial) -> optimizer`.
        structure: `(params) -> params`, selects the parameters that a population must share. Trials
            that agree in these train together as a `keras_ddl.Population`. They must have one batch
            size, one number of updates and one optimizer, except for its learning rate. None
            (default): each trial trains alone.
        watchers: `(trials, splits) -> Keras callbacks` that observe the training of these trials.
            Each value that they add to the logs under a name without "/", or to a population's
            `member_logs`, is recorded as a curve; the curve's last value is also a metric.
        probe: `(trial, model, split) -> metrics`, called at each point of the learning curves. Each
            name becomes a curve, and the curve's last value a metric. None (default): nothing is
            probed.
        small_steps: `(trial) -> bool`, whether a training step is so short that TensorFlow spends
            most of it on starting operations. XLA and many steps per call then make it much faster.
        trainer: `(experiment, dataset) -> trainer`. None (default): the harness's `Trainer`.
    """

    build: Callable[..., Any]
    optimizer: Callable[[Trial], Any]
    structure: Callable[[Params], Params] | None = None
    watchers: Callable[..., Sequence[Any]] = lambda trials, splits: ()
    probe: Callable[..., Metrics] | None = None
    small_steps: Callable[[Trial], bool] = lambda trial: False
    trainer: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Measuring:
    """The work of an experiment whose trials measure something without training.

    Args:
        measure: `(trial, model, split) -> (metrics, curves)`; without `build`,
            `(trial) -> (metrics, curves)`.
        build: `(trial, input_shape, num_classes) -> model`. None (default): no model is built, and
            the data set is not split.
        populations: whether `measure` trains a `keras_ddl.Population`, whose members should train
            side by side, one on each core.
    """

    measure: Callable[..., tuple[Metrics, Curves]]
    build: Callable[..., Any] | None = None
    populations: bool = False


@dataclass(frozen=True)
class Experiment:
    """An experiment: its arms, the work of its trials, and how its records are shown and judged.

    Args:
        name: names the folder of records and the file of profiles. Stored records depend on it.
        version: must be raised when the same parameters come to mean something else.
        summary: one line for lists and `--help`.
        profiles: by name. "paper" holds the published set-up, with which others are compared.
        paper_dataset: the title of the data set that the paper used.
        grid: `(settings, **choices) -> parameter mappings`, one for each arm.
        work: what a trial does.
        views: the tables and figures.
        claims: the claims that are judged from the records.
        choices: flags of this experiment only. Their values are keyword arguments of `grid`.
        datasets: the data sets that `--dataset auto` tries in this order, before digits.
        load: `(data_dir) -> data set`, if the data layer does not have the data set. None
            (default): the data layer loads it.
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
        """`Training.structure`; None if every trial runs alone."""
        return self.work.structure if isinstance(self.work, Training) else None

    def is_current(self, trial: Trial) -> bool:
        """Whether the present version and profiles of this experiment include a stored trial."""
        profile = self.profiles.get(trial.profile)
        if profile is None or trial.version != self.version:
            return False
        names = [choice.name for choice in self.choices]
        # "any other" is a data set for which the profile changes no settings.
        return any(
            as_json(params) == as_json(trial.params)
            for dataset in ("any other", *profile.datasets)
            for values in itertools.product(*(choice.values for choice in self.choices))
            for params in self.grid(
                profile.settings_for(dataset), **dict(zip(names, values, strict=True))
            )
        )

    def label(self, trial: Trial) -> str:
        """The arm and the repetition of a trial, in a few words."""
        names = dict.fromkeys(name for view in self.views for name in _naming(view))
        arm = [f"{name} {trial.params[name]}" for name in names if name in trial.params]
        return ", ".join([*arm, f"repetition {trial.repetition}"])

    def expand(
        self, profile: str, dataset: Any, *, seed: int, repetitions: int, choices: Mapping[str, str]
    ) -> Iterator[Trial]:
        """Yield all trials, one repetition after the other.

        The arms of a repetition are compared in pairs. In this order an unfinished sweep has
        complete repetitions.
        """
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
