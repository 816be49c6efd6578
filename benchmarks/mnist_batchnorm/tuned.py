"""The table and figure of learning rates: what each arm was tuned on, and what was chosen."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness.results.tables import cell
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.tuning import best
from benchmarks.harness.views import Section, Table, View, arm, groups

ERROR = "validation_error"


def view(names: Sequence[str]) -> View:
    """The validation error by learning rate for each arm.

    Args:
        names: the parameters that tell arms apart.
    """
    return View(
        axis="learning_rate",
        axis_title="learning rate",
        metrics={ERROR: "validation error %"},
        series=tuple(names),
        draw=draw,
        table=table,
    )


def table(section: Section) -> Table:
    """A row for each learning rate and a column for each arm; the chosen rate is marked."""
    names = section.view.series
    arms = groups(section.records, names)
    headers = ["learning rate", *(f"{label(names, key)}: validation error %" for key in arms)]
    headers.append("seeds")
    chosen = {key: best(section.records, **dict(zip(names, key, strict=True))) for key in arms}
    rows: list[list[Any]] = []
    for (rate,), found in groups(section.records, ("learning_rate",)).items():
        cells = []
        for key in arms:
            one = arm(found, **dict(zip(names, key, strict=True)))
            mark = " (chosen)" if chosen[key].value == rate else ""
            cells.append(f"{cell(one, ERROR)}{mark}" if one else "")
        rows.append([rate, *cells, len({record.trial.repetition for record in found})])
    return headers, rows


def label(names: Sequence[str], key: Sequence[Any]) -> str:
    """An arm in words."""
    return ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True))


def draw(section: Section, figure) -> None:
    """Validation error against the learning rate; a ring marks the chosen rate."""
    names = section.view.series
    axes = figure.subplots()
    figure.set_size_inches(8, 5)
    for key, found in groups(section.records, names).items():
        means = {}
        for (rate,), one in groups(found, ("learning_rate",)).items():
            errors = [record.metrics[ERROR] for record in one if ERROR in record.metrics]
            if errors:
                means[rate] = mean_interval(errors)
        heights = [interval.mean for interval in means.values()]
        halves = np.nan_to_num([interval.half for interval in means.values()])
        (line, *_) = axes.errorbar(
            [*means], heights, yerr=halves, marker="o", capsize=3, label=label(names, key)
        )
        rate = best(found).value
        if rate in means:
            ring = {"marker": "o", "markersize": 13, "fillstyle": "none", "linestyle": "none"}
            axes.plot([rate], [means[rate].mean], color=line.get_color(), **ring)
    axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation error %")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.legend(fontsize="small", title="ring: the learning rate chosen", title_fontsize="small")
