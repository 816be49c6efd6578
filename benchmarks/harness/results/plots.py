"""Draws records: a metric with error bars, the paper's values in grey, and learning curves."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.harness.references import Reference
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import Section, View, groups

MOST_CHARACTERS = 60  # of the values below an axis; more than these stand upright

STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.alpha": 0.3,
    "svg.hashsalt": "keras_ddl",  # fixed, so that the same records give the same file
}


def draw(section: Section, folder: Path) -> list[Path]:
    """Write the section's figure as PNG and SVG into a folder, and return the paths."""
    view = section.view
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * (1 + len(section.curves)), 4.4), layout="constrained")
        figure.suptitle(section.title, fontsize="medium")
        (view.draw or _panels)(section, figure)
        figure.supxlabel(textwrap.fill(section.setting, 170), fontsize="xx-small", color="dimgrey")
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{section.stem}.png", folder / f"{section.stem}.svg"]
        figure.savefig(paths[0], dpi=120)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def _panels(section: Section, figure: Figure) -> None:
    """Draw the first metric against the axis, and a panel for each curve."""
    view, records = section.view, section.records
    metric, metric_title = next(iter(section.metrics.items()))
    panels = figure.subplots(1, 1 + len(section.curves), squeeze=False)[0]
    _against_axis(panels[0], view, records, metric, section.reference)
    panels[0].set(xlabel=view.axis_title, ylabel=metric_title)
    for axes, (curve, curve_title) in zip(panels[1:], section.curves.items(), strict=True):
        _learning_curves(axes, view, records, curve)
        axes.set(xlabel="updates", ylabel=curve_title)


def _against_axis(
    axes: Axes, view: View, records: Sequence[Record], metric: str, reference: Reference | None
) -> None:
    """Draw means with 95 % intervals, and a cross for each arm whose runs all diverged."""
    by_value = {
        value: [record.metrics[metric] for record in arm if metric in record.metrics]
        for (value,), arm in groups(records, (view.axis,)).items()
    }
    label = "measured, mean and 95 % interval"
    heights = draw_means(axes, by_value, color="tab:blue", label=label)
    diverged = [value for value, seeds in by_value.items() if not seeds]
    if reference and metric in reference.values:
        published = reference.values[metric]
        axes.errorbar(
            list(published),
            list(published.values()),
            yerr=list(reference.spreads.get(metric, dict.fromkeys(published, 0.0)).values()),
            marker="s",
            markersize=4,
            capsize=3,
            color="grey",
            alpha=0.7,
            zorder=1,
            label=reference.label,
        )
        heights += published.values()
    if sum(len(str(value)) for value in by_value) > MOST_CHARACTERS:
        axes.tick_params("x", rotation=90)
    if diverged:
        top = [max(heights, default=1)] * len(diverged)
        axes.plot(diverged, top, "rx", label="did not converge (n/c)")
    if heights and 0 < 10 * min(heights) < max(heights):
        _readable_log(axes)  # on a linear scale an arm at chance level would flatten the others
    axes.legend(fontsize="small")


def draw_means(axes: Axes, by_value: Mapping[Any, Sequence[float]], **style: Any) -> list[float]:
    """Draw means with 95 % intervals, and return the means.

    Args:
        axes: where to draw.
        by_value: by value of the axis, the numbers of the seeds. Values without numbers are left
            out.
        **style: arguments of `Axes.errorbar`.
    """
    intervals = {value: mean_interval(seeds) for value, seeds in by_value.items() if seeds}
    means = [interval.mean for interval in intervals.values()]
    halves = np.nan_to_num([interval.half for interval in intervals.values()])
    if any(isinstance(value, str) for value in intervals):
        style.setdefault("linestyle", "none")  # a line between names would say nothing
    axes.errorbar([*intervals], means, yerr=halves, marker="o", capsize=3, **style)
    return means


def _learning_curves(axes: Axes, view: View, records: Sequence[Record], curve: str) -> None:
    """Draw each arm's mean over seeds; the colour follows the arm's value of the axis."""
    arms = groups([record for record in records if record.status == "ok"], (view.axis,))
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.95, len(arms)))
    heights: list[float] = []
    for ((value,), arm), colour in zip(arms.items(), colours, strict=True):
        lines = [record.curves[curve] for record in arm if curve in record.curves]
        if not lines:
            continue
        mean = np.mean(lines, axis=0)
        heights += list(mean)
        axes.plot(arm[0].curves["updates"], mean, color=colour, label=f"{value}")
    if heights and min(heights) > 0:
        _readable_log(axes)
    if heights:
        axes.legend(title=view.axis_title, fontsize="x-small", title_fontsize="x-small", ncols=2)


def _readable_log(axes: Axes) -> None:
    """Set a logarithmic scale with labels at 1, 2 and 5 times powers of ten."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
