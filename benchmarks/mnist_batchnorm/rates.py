"""Learning rates and initial weights that a sigmoid network bears, with and without BN.

The network of Fig. 1 of Ioffe and Szegedy (2015), for 3,000 of its steps: every learning rate of
the grid with every standard deviation of the initial weights. The paper says that BN allows much
higher learning rates and less careful initialization, and gives no numbers for this network.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import at_best
from benchmarks.harness.views import GUESSING, Section, View, arm, groups, values
from benchmarks.mnist_batchnorm import network, tuned
from benchmarks.mnist_batchnorm.curve_views import COLOURS, TITLES
from benchmarks.mnist_batchnorm.network import BEFORE, NONE

ERROR = "validation_error"
ARMS = (NONE, BEFORE)
BEARS = 10.0  # % of validation error that counts as trained: a threshold of ours
STEP = 0.4  # log10 of the learning rate: a step of the grid is more


def grid(settings: Params) -> list[Params]:
    lists = ("learning_rates", "stddevs")
    shared = without(settings, *lists)
    return [
        {**shared, "stddev": stddev, "norm": norm, "learning_rate": rate}
        for norm in ARMS
        for stddev, rate in itertools.product(settings["stddevs"], settings["learning_rates"])
    ]


def judge(records: Sequence[Record]) -> Verdict:
    """With BN a higher learning rate trains, and the worst initial weights do less harm."""
    stddevs = [stddev for (stddev,) in groups(records, ("stddev",))]
    highest = {norm: highest_rates(records, norm) for norm in ARMS}
    findings = [
        within(
            f"log10 of the highest learning rate that trains to at most {BEARS:g} % of validation "
            "error (our threshold) at any initial standard deviation, BN less none",
            paired_difference(highest[BEFORE], highest[NONE]),
            "orders of magnitude",
            low=STEP,
        )
    ]
    rise = {norm: harm(records, norm, stddevs) for norm in ARMS}
    findings.append(
        within(
            "validation error at the worst initial standard deviation above the best, each at its "
            "best learning rate, none less BN",
            paired_difference(rise[NONE], rise[BEFORE]),
            "pp",
            low=0,
        )
    )
    return all_of(findings)


def highest_rates(records: Sequence[Record], norm: str) -> dict[int, float]:
    """By repetition, log10 of the highest learning rate that trains from some initial weights."""
    found: dict[int, float] = {}
    for record in arm(records, norm=norm):
        if record.status == "ok" and record.metrics[ERROR] <= BEARS:
            key, rate = (
                record.trial.repetition,
                float(np.log10(record.trial.params["learning_rate"])),
            )
            found[key] = max(rate, found.get(key, rate))
    return found


def harm(records: Sequence[Record], norm: str, stddevs: Sequence[float]) -> dict[int, float]:
    """By repetition, how far the errors at the best rates of all standard deviations lie apart."""
    errors = []
    for stddev in stddevs:
        errors.append(at_best(records, ERROR, norm=norm, stddev=stddev))
    shared = set(errors[0]).intersection(*errors[1:]) if errors else set()
    return {key: max(e[key] for e in errors) - min(e[key] for e in errors) for key in shared}


def expected(params: Params, effect: float) -> dict[str, float]:
    """With BN ten times the learning rate trains, and the initial weights do not matter."""
    exponent = 0.0 + (effect if params["norm"] == BEFORE else 0.0)
    trains = params["learning_rate"] <= 3.1 * 10**exponent
    careless = params["stddev"] != 0.1
    harmed = careless and (params["norm"] == (NONE if effect > 0 else BEFORE))
    error = 5.0 + (10.0 * abs(effect) if harmed else 0.0)
    slower = 0.5 * abs(float(np.log10(params["learning_rate"])))
    return {ERROR: error + slower if trains else 60.0}


def draw(section: Section, figure) -> None:
    """A panel for each standard deviation: validation error against the learning rate."""
    parts = groups(section.records, ("stddev",))
    figure.set_size_inches(4.8 * len(parts), 4.6)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    for axes, ((stddev,), part) in zip(panels, parts.items(), strict=True):
        for norm, title in TITLES.items():
            means = {
                rate: mean_interval([*values(found, ERROR, diverged=GUESSING).values()])
                for (rate,), found in groups(arm(part, norm=norm), ("learning_rate",)).items()
            }
            heights = [interval.mean for interval in means.values()]
            halves = np.nan_to_num([interval.half for interval in means.values()])
            style = {"marker": "o", "capsize": 3, "color": COLOURS[norm], "label": title}
            axes.errorbar([*means], heights, yerr=halves, **style)
        axes.axhline(BEARS, color="black", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", xlabel="learning rate", title=f"initial weights N(0, {stddev:g}²)")
        axes.title.set_fontsize("small")
    panels[0].set(ylabel="validation error %", yscale="log")
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].yaxis.set_minor_formatter("{x:g}")
    panels[0].legend(fontsize="small")


EXPERIMENT = Experiment(
    name="batchnorm_rates",
    version=1,
    summary="error by learning rate and initial weights, with and without batch normalization",
    profiles=profiles.load("batchnorm_rates"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=network.build, optimizer=network.optimizer, structure=network.structure),
    views=(
        View(
            axis="learning_rate",
            axis_title="learning rate",
            metrics={ERROR: "validation error %", "test_error": "test error %"},
            series=("norm", "stddev"),
            draw=draw,
            table=tuned.table,
        ),
    ),
    claims=(
        Claim(
            "bn-faster",
            "with BN a sigmoid network bears higher learning rates and bad initial weights",
            judge,
            Effects(
                expected,
                noise={ERROR: 0.3},
                source="ten times the rate, and 10 pp of harm: ours, the paper has no numbers",
            ),
        ),
    ),
)
