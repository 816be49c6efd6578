"""Batch normalization before and after the activation, paired.

Ioffe and Szegedy (2015) normalize before the activation; a public comparison on ImageNet
(caffenet-benchmark) found it better after. Both are recommended, so the claim is that the choice
matters little. The network is that of Fig. 1, with sigmoid and with ReLU units; the learning rate
is tuned for each arm.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.results.tables import cell
from benchmarks.harness.spec import Params, Record, without
from benchmarks.harness.stats import Interval, mean_interval, paired_difference
from benchmarks.harness.tuning import at_best, best
from benchmarks.harness.views import GUESSING, Section, Table, View, arm, groups, values
from benchmarks.mnist_batchnorm import network, tuned
from benchmarks.mnist_batchnorm.network import AFTER, BEFORE

ARMS = (BEFORE, AFTER)
ACTIVATIONS = ("sigmoid", "relu")
MARGIN = 0.2  # pp of test error within which the two count as equally good: ours


def grid(settings: Params) -> list[Params]:
    stddevs = {activation: settings[f"{activation}_stddev"] for activation in ACTIVATIONS}
    others = ("learning_rates", *(f"{activation}_stddev" for activation in ACTIVATIONS))
    shared = without(settings, *others)
    return [
        {
            **shared,
            "activation": activation,
            "stddev": stddev,
            "norm": norm,
            "learning_rate": rate,
        }
        for activation, stddev in stddevs.items()
        for norm in ARMS
        for rate in settings["learning_rates"]
    ]


def chosen(records: Sequence[Record], activation: str, norm: str) -> dict[int, float]:
    """By repetition, the test error of an arm at its tuned learning rate."""
    return at_best(records, "test_error", activation=activation, norm=norm)


def difference(records: Sequence[Record], activation: str) -> Interval:
    """Test error with BN before the activation less that with BN after it."""
    before, after = [chosen(records, activation, norm) for norm in ARMS]
    return paired_difference(before, after)


def judge(records: Sequence[Record]) -> Verdict:
    """The two differ by at most the margin, for every activation."""
    return all_of(
        [
            within(
                f"test error, BN before {activation} less after it",
                difference(records, activation),
                "pp",
                low=-MARGIN,
                high=MARGIN,
            )
            for (activation,) in groups(records, ("activation",))
        ]
    )


def expected(params: Params, effect: float) -> dict[str, float]:
    """No difference; if the claim is false, the margin or more."""
    apart = toward(effect, 0.0, MARGIN) if params["norm"] == BEFORE else 0.0
    error = 2.2 + apart + (0.0 if params["learning_rate"] == 0.3 else 0.5)
    return {"test_error": error, "validation_error": error}


def table(section: Section) -> Table:
    """A row for each activation: both placements at their tuned rates, and the difference."""
    headers = ["activation", "before: learning rate", "before: test error %"]
    headers += ["after: learning rate", "after: test error %", "before less after, pp", "seeds"]
    rows = []
    for (activation,), found in groups(section.records, ("activation",)).items():
        row = [activation]
        for norm in ARMS:
            rate = best(found, norm=norm)
            one = arm(found, norm=norm, learning_rate=rate.value)
            row += [f"{rate}", cell(one, "test_error") if one else "-"]
        apart = difference(found, activation)
        rows.append([*row, apart, apart.count])
    return headers, rows


def draw(section: Section, figure) -> None:
    """Test error by learning rate, one panel for each activation; a ring marks what was chosen."""
    parts = groups(section.records, ("activation",))
    figure.set_size_inches(5.4 * len(parts), 4.6)
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, ((activation,), part) in zip(panels, parts.items(), strict=True):
        for norm, colour in zip(ARMS, ("tab:blue", "tab:green"), strict=True):
            means = {
                rate: mean_interval([*values(found, "test_error", diverged=GUESSING).values()])
                for (rate,), found in groups(arm(part, norm=norm), ("learning_rate",)).items()
            }
            halves = np.nan_to_num([interval.half for interval in means.values()])
            heights = [interval.mean for interval in means.values()]
            style = {"marker": "o", "capsize": 3, "color": colour}
            axes.errorbar([*means], heights, yerr=halves, label=f"BN {norm} {activation}", **style)
            rate = best(part, norm=norm).value
            ring = {"marker": "o", "markersize": 13, "fillstyle": "none", "linestyle": "none"}
            axes.plot([rate], [means[rate].mean], color=colour, **ring)
        axes.set(xscale="log", xlabel="learning rate", ylabel="test error %")
        axes.legend(fontsize="small", title="ring: chosen on validation images")


EXPERIMENT = Experiment(
    name="batchnorm_placement",
    version=1,
    summary="test error with batch normalization before and after the activation",
    profiles=profiles.load("batchnorm_placement"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=network.build, optimizer=network.optimizer, structure=network.structure),
    views=(
        View(
            axis="norm",
            axis_title="batch normalization",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            series=("activation", "learning_rate"),
            draw=draw,
            table=table,
        ),
        tuned.view(("activation", "norm")),
    ),
    claims=(
        Claim(
            "bn-placement",
            f"BN before and after the activation are equally good (test errors within {MARGIN} pp)",
            judge,
            Effects(
                expected,
                noise={"test_error": 0.12, "validation_error": 0.12},
                source="no difference; noise: assumed, that of 10,000 test images at 2 % error",
            ),
        ),
    ),
)
