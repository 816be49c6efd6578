"""How often each claim's records would give a false verdict, and how often the right one.

For every claim, sets of synthetic records are drawn under known truths and judged: the paper's own
effect, no effect, the opposite effect, and ten times the noise. The records are those of the
profile `quick`, with the number of seeds that it commits. Every experiment states, for each claim,
the effect and the noise between seeds (`benchmarks.harness.effects`).

Limits: a false "reproduced" in at most 2.5 % of the sets, a false "not reproduced" in at most 5 %,
and "reproduced" in at least 80 % under the paper's own effect.
"""

import functools
import sys
from collections.abc import Mapping, Sequence

from benchmarks.harness import power, profiles
from benchmarks.harness.claims import NOT_REPRODUCED, REPRODUCED, Claim
from benchmarks.harness.cli import main
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.power import PAPER, SCENARIOS
from benchmarks.harness.spec import Params, Trial
from benchmarks.harness.views import Section, Table, View, arm, groups

NAME = "verdicts"
PROFILE = "quick"  # the profile of the experiments whose arms are drawn
FALSE_REPRODUCED, FALSE_NOT_REPRODUCED, POWER = 2.5, 5.0, 80.0  # %


@functools.cache
def claims() -> dict[tuple[str, str], tuple[Experiment, Claim]]:
    """All claims that experiments judge, by the names of the experiment and the claim."""
    from benchmarks.catalogue import experiments  # it imports this module

    return {
        (experiment.name, claim.id): (experiment, claim)
        for experiment in experiments()
        for claim in experiment.claims
    }


def grid(settings: Params) -> list[Params]:
    """An arm for each claim with stated effects, and each scenario."""
    return [
        {
            "experiment": name,
            "claim": id_,
            "scenario": scenario,
            "profile": PROFILE,
            "sets": settings["sets"],
            "seeds": experiment.profiles[PROFILE].repetitions,
        }
        for (name, id_), (experiment, claim) in claims().items()
        if claim.effects is not None
        for scenario in SCENARIOS
    ]


def measure(trial: Trial) -> tuple[Metrics, Curves]:
    params = trial.params
    experiment, claim = claims()[params["experiment"], params["claim"]]
    shares = power.rates(
        experiment,
        claim,
        SCENARIOS[params["scenario"]],
        profile=params["profile"],
        sets=params["sets"],
        repetitions=params["seeds"],
        seed=trial.derive("noise"),
    )
    return {
        "reproduced": shares.get(REPRODUCED, 0.0),
        "not_reproduced": shares.get(NOT_REPRODUCED, 0.0),
    }, {}


def misses(scenario: str, shares: Mapping[str, float]) -> str:
    """The limit that shares of verdicts in % miss in a scenario, or ""."""
    true = SCENARIOS[scenario].true
    if not true and shares["reproduced"] > FALSE_REPRODUCED:
        return "false reproduced"
    if true and shares["not_reproduced"] > FALSE_NOT_REPRODUCED:
        return "false not reproduced"
    if scenario == PAPER and shares["reproduced"] < POWER:
        return "power"
    return ""


def table(section: Section) -> Table:
    """A row for each claim: the % reproduced and not reproduced in each scenario."""
    headers = ["claim", "experiment", "seeds", *SCENARIOS, "misses its limit"]
    rows = []
    for (name, id_), found in groups(section.records, ("experiment", "claim")).items():
        cells, missed = [], []
        for scenario in SCENARIOS:
            shares = [record.metrics for record in arm(found, scenario=scenario)]
            if not shares:
                cells.append("-")
                continue
            cells.append(f"{shares[0]['reproduced']:.1f} / {shares[0]['not_reproduced']:.1f}")
            missed.append(misses(scenario, shares[0]))
        seeds = found[0].trial.params["seeds"]
        rows.append([id_, name, seeds, *cells, ", ".join(filter(None, missed)) or "no"])
    return headers, rows


def draw(section: Section, figure) -> None:
    """The power of each claim, beside the rates of false verdicts."""
    parts = groups(section.records, ("experiment", "claim"))
    figure.set_size_inches(10, 1 + 0.3 * len(parts))
    axes = figure.subplots()
    labels = [f"{id_} ({name})" for name, id_ in parts]
    for scenario, colour in zip(
        SCENARIOS, ("tab:green", *["tab:red"] * 2, "tab:orange", "black"), strict=True
    ):
        metric = (
            "not_reproduced" if SCENARIOS[scenario].true and scenario != PAPER else "reproduced"
        )
        shares = [_share(found, scenario, metric) for found in parts.values()]
        marker = "o" if scenario == PAPER else "x"
        label = f"{metric.replace('_', ' ')}: {scenario}"
        axes.plot(shares, range(len(parts)), marker, color=colour, label=label)
    axes.set_yticks(range(len(parts)), labels, fontsize="small")
    axes.axvline(POWER, color="tab:green", linewidth=0.8, linestyle=":")
    axes.axvline(FALSE_NOT_REPRODUCED, color="tab:red", linewidth=0.8, linestyle=":")
    axes.set(xlabel="% of synthetic record sets", xlim=(-2, 102))
    axes.legend(fontsize="small", loc="center")


def _share(found: Sequence, scenario: str, metric: str) -> float:
    records = arm(found, scenario=scenario)
    return records[0].metrics[metric] if records else float("nan")


EXPERIMENT = Experiment(
    name=NAME,
    version=1,
    summary="rates of false and of right verdicts on synthetic records, for every claim",
    profiles=profiles.load(NAME),
    paper_dataset=RandomNumbers.title,
    grid=grid,
    work=Measuring(measure),
    load=RandomNumbers,
    views=(
        View(
            axis="claim",
            axis_title="claim",
            metrics={"reproduced": "reproduced %", "not_reproduced": "not reproduced %"},
            series=("experiment", "scenario"),
            draw=draw,
            table=table,
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT, entry="costs.verdicts"))
