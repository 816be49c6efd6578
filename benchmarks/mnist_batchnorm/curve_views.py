"""The table and figure of Fig. 1: accuracy by step, and percentiles of a unit's input by step."""

from collections.abc import Iterable

import numpy as np

from benchmarks.harness import references
from benchmarks.harness.references import Reference
from benchmarks.harness.results.tables import published
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import best
from benchmarks.harness.views import Section, Table, converged, values
from benchmarks.mnist_batchnorm.network import BEFORE, NONE

TITLES = {NONE: "without BN", BEFORE: "with BN"}
COLOURS = {NONE: "tab:orange", BEFORE: "tab:blue"}
LINES = {NONE: "--", BEFORE: "-"}


def paper(norm: str) -> Reference:
    """The paper's test accuracy by step, in %."""
    return references.load("batch_normalization", f"fig1_{norm}")


def percentiles(record: Record, unit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 15th, 50th and 85th percentile of a unit's input, by point."""
    low, median, high = (np.array(record.curves[f"unit_{unit}_p{p}"]) for p in (15, 50, 85))
    return low, median, high


def accuracy(
    records: Iterable[Record], step: int, norm: str, rate: float | None
) -> dict[int, float]:
    """By repetition, the validation accuracy in % of an arm at a step, where it was measured."""
    found = {}
    for key, record in converged(records, norm=norm, learning_rate=rate).items():
        by_step = dict(
            zip(record.curves["updates"], record.curves["validation_error"], strict=True)
        )
        if step in by_step:
            found[key] = 100 - by_step[step]
    return found


def table(section: Section) -> Table:
    """A row for each step that the paper's figure was read at, and one for the test images."""
    rates = {norm: best(section.records, norm=norm).value for norm in TITLES}
    headers = [
        "step",
        *(f"{title}, learning rate {rates[norm]}" for norm, title in TITLES.items()),
        "BN less none, pp",
        "seeds",
        *(f"paper: {title}" for title in TITLES.values()),
    ]
    references_by_arm = {norm: paper(norm) for norm in TITLES}
    steps = sorted({step for one in references_by_arm.values() for step in one.values["accuracy"]})
    rows = []
    for step in steps:
        found = {norm: accuracy(section.records, int(step), norm, rates[norm]) for norm in TITLES}
        rows.append(
            [
                f"{int(step):,}, validation accuracy %",
                *(mean_interval([*seeds.values()]) for seeds in found.values()),
                paired_difference(found[BEFORE], found[NONE]),
                max(map(len, found.values())),
                *(published(references_by_arm[norm], "accuracy", step) for norm in TITLES),
            ]
        )
    test = {
        norm: {
            key: 100 - error
            for key, error in values(
                section.records, "test_error", norm=norm, learning_rate=rates[norm]
            ).items()
        }
        for norm in TITLES
    }
    rows.append(
        [
            "end, test accuracy %",
            *(mean_interval([*seeds.values()]) for seeds in test.values()),
            paired_difference(test[BEFORE], test[NONE]),
            max(map(len, test.values())),
            "-",
            "-",
        ]
    )
    return headers, rows


def draw(section: Section, figure) -> None:
    """The three panels of Fig. 1, with the paper's accuracies in grey."""
    figure.set_size_inches(15, 4.8)
    curves, *inputs = figure.subplots(1, 3)
    rates = {norm: best(section.records, norm=norm).value for norm in TITLES}
    for norm, title in TITLES.items():
        reference = paper(norm)
        points = reference.values["accuracy"]
        curves.plot(
            [*points],
            [*points.values()],
            f"s{LINES[norm]}",
            color="grey",
            alpha=0.7,
            markersize=4,
            label=f"paper, {title} (test)",
        )
        runs = [*converged(section.records, norm=norm, learning_rate=rates[norm]).values()]
        if runs:
            steps = runs[0].curves["updates"]
            lines = 100 - np.array([run.curves["validation_error"] for run in runs])
            label = f"{title}, learning rate {rates[norm]} (validation)"
            curves.plot(steps, lines.mean(axis=0), color=COLOURS[norm], label=label)
            band = [lines.min(axis=0), lines.max(axis=0)]
            curves.fill_between(steps, *band, color=COLOURS[norm], alpha=0.2, linewidth=0)
    curves.set(xlabel="step", ylabel="accuracy %", ylim=(70, 100))
    curves.legend(fontsize="small", loc="lower right")
    for axes, norm in zip(inputs, TITLES, strict=True):
        runs = [*converged(section.records, norm=norm, learning_rate=rates[norm]).values()]
        for number, run in enumerate(runs):
            for line in percentiles(run, unit=0):
                strong = {"alpha": 1.0, "linewidth": 1.8} if number == 0 else {"alpha": 0.25}
                axes.plot(run.curves["updates"], line, color=COLOURS[norm], **strong)
        axes.set(xlabel="step", ylabel="input of the first last-hidden unit")
        axes.set_title(f"15th, 50th, 85th percentile, {TITLES[norm]}", fontsize="small")
    bounds = [axes.get_ylim() for axes in inputs]
    for axes in inputs:
        axes.set_ylim(min(low for low, _ in bounds), max(high for _, high in bounds))
