"""Tables and figures with a line for each normalization, and the papers' lines in grey."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from benchmarks.harness.references import Reference
from benchmarks.harness.results.tables import cell, published
from benchmarks.harness.spec import Record
from benchmarks.harness.views import Section, Table, arm, groups

COLOURS = {
    "BN": "tab:red",
    "GN": "tab:blue",
    "LN": "tab:green",
    "IN": "tab:orange",
    "none": "black",
    "GN+WS": "tab:cyan",
    "FRN": "tab:purple",
    "GhostBN": "tab:pink",
}
GREYS = {"BN": "-", "GN": "--", "LN": "-.", "none": ":"}  # line styles of the paper's curves


def table(section: Section) -> Table:
    """Make a row for each metric and value of the axis, and a column for each normalization."""
    view, records, reference = section.view, section.records, section.reference
    norms = names(records)
    papers = [norm for norm in GREYS if reference and norm in reference.values]
    headers = ["", view.axis_title, *norms, "seeds", *(f"paper: {norm}" for norm in papers)]
    rows: list[list[Any]] = []
    for metric, title in view.metrics.items():
        for (value,), at_value in reversed(groups(records, (view.axis,)).items()):
            arms = [arm(at_value, norm=norm) for norm in norms]
            row = [title, value, *(cell(one, metric) if one else "" for one in arms)]
            row.append(max(map(len, arms)))
            compared = metric == next(iter(view.metrics))
            row += [published(reference, norm, value) if compared else "" for norm in papers]
            rows.append(row)
    return headers, rows


def names(records: Iterable[Record]) -> list[str]:
    """The normalizations that were run, in the order of `COLOURS`."""
    run = {record.trial.params["norm"] for record in records}
    return [norm for norm in COLOURS if norm in run]


def draw(section: Section, figure) -> None:
    """Draw errors by batch size with the paper's, and learning curves at two batch sizes.

    These are the largest and the smallest size at which BN was run. It cannot run with one image.
    """
    view, records = section.view, section.records
    sizes = [size for (size,) in groups(records, (view.axis,))][::-1]
    figure.set_size_inches(15, 5)
    errors, *ends = figure.subplots(1, 3)
    metric, title = next(iter(view.metrics.items()))
    for norm in names(records):
        lines(errors, arm(records, norm=norm), view.axis, metric, norm)
    if section.reference:
        second = errors.twinx()
        paper(second, section.reference)
        _same_scale(errors, second)
    errors.set_xscale("log", base=2)
    errors.invert_xaxis()
    errors.set_xticks(sizes, [f"{size}" for size in sizes])
    errors.minorticks_off()
    errors.set(xlabel="batch size", ylabel=title)
    errors.legend(fontsize="x-small", ncols=2, loc="upper left")
    of_bn = [size for size in sizes if arm(records, norm="BN", **{view.axis: size})]
    for axes, size in zip(ends, ((of_bn or sizes)[0], (of_bn or sizes)[-1]), strict=True):
        curves(axes, arm(records, **{view.axis: size}))
        axes.set(xlabel="epochs", ylabel="validation error %", title=f"batch size {size}")
        axes.title.set_fontsize("small")


def lines(axes, records: Iterable[Record], axis: str, metric: str, norm: str) -> None:
    """Draw means with 95 % intervals of one normalization; a cross if all runs diverged."""
    from benchmarks.harness.results.plots import draw_means  # matplotlib

    errors: Mapping[Any, list[float]] = {
        value: [record.metrics[metric] for record in at_value if metric in record.metrics]
        for (value,), at_value in groups([*records], (axis,)).items()
    }
    draw_means(axes, errors, markersize=4, color=COLOURS[norm], label=norm)
    diverged = [value for value, seeds in errors.items() if not seeds]
    if diverged:
        height = [0.97] * len(diverged)
        axes.plot(
            diverged,
            height,
            "x",
            color=COLOURS[norm],
            transform=axes.get_xaxis_transform(),
            label=None,
        )


def paper(axes, reference: Reference) -> None:
    """Draw the published errors in grey, on a second axis."""
    for norm, style in GREYS.items():
        if norm in reference.values:
            values = reference.values[norm]
            axes.plot(
                [*values],
                [*values.values()],
                f"s{style}",
                color="grey",
                alpha=0.7,
                markersize=4,
                label=f"paper, {norm}",
            )
    axes.set_ylabel("paper: error %", color="grey", fontsize="small")
    axes.tick_params(axis="y", colors="grey")
    axes.grid(visible=False)
    axes.spines["right"].set(visible=True, color="grey")
    axes.legend(fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 0.1))


def _same_scale(measured, published) -> None:
    """Give both axes the same span, so that one percentage point has the same length on both."""
    bounds = [axes.get_ylim() for axes in (measured, published)]
    span = max(high - low for low, high in bounds)
    measured.set_ylim(bounds[0][0] - 0.5 * span, bounds[0][0] + 1.35 * span)
    published.set_ylim(bounds[1][0] - 0.1 * span, bounds[1][0] + 1.75 * span)


def curves(axes, records: Iterable[Record]) -> None:
    """Draw the validation error by epoch, as the mean over seeds."""
    curve = "validation_error"
    records = [r for r in records if r.status == "ok" and curve in r.curves]
    for norm in names(records):
        seeds = [record.curves[curve] for record in arm(records, norm=norm)]
        epochs = range(1, len(seeds[0]) + 1)
        marker = "o" if len(epochs) == 1 else None  # a line of one point is invisible
        axes.plot(epochs, np.mean(seeds, axis=0), color=COLOURS[norm], marker=marker, label=norm)
    axes.legend(fontsize="x-small")
