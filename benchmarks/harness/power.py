"""Verdicts beforehand: how often records would give each verdict, if the effect were known.

An experiment states, for a claim, the metrics that its arms would have if the source's effect were
true. Synthetic records with these metrics, and noise between seeds, are judged by the claim's own
predicate. The share of them that is "reproduced" is the power. Without the effect, or with the
opposite one, the same share is the rate of false "reproduced".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import looks
from benchmarks.harness.claims import Claim
from benchmarks.harness.effects import Curves, Effects, Metrics
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.spec import Record, Trial

MUCH_NOISE = 10.0


@dataclass(frozen=True)
class Scenario:
    """A truth, under which records are drawn.

    Args:
        effect: the argument `effect` of `Effects.expected`.
        noise: a factor of the noise.
    """

    effect: float
    noise: float = 1.0

    @property
    def true(self) -> bool:
        """Whether the claim is true, so that "not reproduced" is false."""
        return self.effect > 0


PAPER = "the paper's effect"
SCENARIOS = {
    PAPER: Scenario(1.0),
    "no effect": Scenario(0.0),
    "opposite effect": Scenario(-1.0),
    "the paper's effect, huge noise": Scenario(1.0, MUCH_NOISE),
    "no effect, huge noise": Scenario(0.0, MUCH_NOISE),
}


@dataclass(frozen=True)
class _Anything:
    """Stands for the experiment's data set: no profile has other settings for it."""

    title: str
    name: str = "any other"
    fingerprint: str = "synthetic"


def trials(experiment: Experiment, profile: str, repetitions: int) -> list[Trial]:
    """The trials of a profile on the paper's data set, with the default choices."""
    dataset = _Anything(experiment.paper_dataset)
    expanded = experiment.expand(profile, dataset, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(
    effects: Effects, drawn: Sequence[Trial], scenario: Scenario, sets: int, seed: int = 0
) -> Iterator[list[Record]]:
    """Yield sets of synthetic records, one record for each trial.

    Args:
        effects: the means and the noise.
        drawn: the trials.
        scenario: the truth.
        sets: the number of sets.
        seed: of the noise.
    """
    means = [dict(effects.expected(trial.params, scenario.effect)) for trial in drawn]
    names = sorted({name for metrics in means for name in metrics})
    deviations = scenario.noise * np.array(
        [[_noise(effects, trial).get(name, 0.0) for name in names] for trial in drawn]
    )
    rng = np.random.default_rng(seed)
    for _ in range(sets):
        noise = (rng.standard_normal((len(drawn), len(names))) * deviations).tolist()
        made = []
        for trial, mean, row in zip(drawn, means, noise, strict=True):
            off = dict(zip(names, row, strict=True))
            metrics: Any = {name: value + off[name] for name, value in mean.items()}
            curves: Curves = {}
            if effects.finish is not None:
                metrics, curves = effects.finish(trial.params, metrics)
            made.append(Record(trial, "ok", "2000-01-01T00:00:00+00:00", metrics, curves))
        yield made


def _noise(effects: Effects, trial: Trial) -> Metrics:
    return effects.noise(trial.params) if callable(effects.noise) else effects.noise


def rates(
    experiment: Experiment,
    claim: Claim,
    scenario: Scenario,
    *,
    profile: str,
    sets: int,
    repetitions: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The share in % of synthetic record sets with each verdict.

    Args:
        experiment: the experiment of the claim.
        claim: a claim with `effects`.
        scenario: the truth.
        profile: the name of the profile whose arms are drawn.
        sets: the number of sets.
        repetitions: seeds of each arm; by default those that the profile commits.
        seed: of the noise.
    """
    assert claim.effects is not None
    committed = repetitions or experiment.profiles[profile].repetitions
    drawn = trials(experiment, profile, committed)
    shares: dict[str, float] = {}
    for made in records(claim.effects, drawn, scenario, sets, seed):
        verdict = looks.judge(claim, made, committed).verdict
        shares[verdict] = shares.get(verdict, 0.0) + 100 / sets
    return shares
