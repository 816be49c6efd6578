"""Drawing charts into one PNG image."""

import numpy as np

from keras_ddl.callbacks._colours import DIVERGING, SEQUENTIAL
from keras_ddl.callbacks._drawings import short
from keras_ddl.callbacks._optional import optional, pyplot_figure

_ROW = 0.16  # the smallest height of a layer's row, in inches


def picture(charts, title, path):
    """Draw all charts into one PNG.

    Args:
        charts: list of `Chart`.
        title: the title of the image.
        path: the path of the file.
    """
    columns = 2 if len(charts) <= 6 else 3
    rows = -(-len(charts) // columns)
    layers = max((len(chart.series) for chart in charts if chart.kind != "lines"), default=0)
    height = min(max(3.2, 1.2 + _ROW * layers), 24)
    figure = pyplot_figure("TrainingReport", figsize=(6.4 * columns, height * rows))
    figure.suptitle(_plain(title))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, chart in zip(panels, charts, strict=False):
        axes.set_title(_plain(chart.title), fontsize="medium")
        if chart.kind != "bands":
            axes.set_xlabel("epoch", fontsize="small")
            axes.xaxis.get_major_locator().set_params(integer=True)
        {"lines": _lines, "map": _map, "bands": _bands}[chart.kind](figure, axes, chart)
    for axes in panels[len(charts) :]:
        axes.remove()
    figure.savefig(path, dpi=100)


def _lines(figure, axes, chart):
    marker = "." if len(chart.epochs) < 50 else None
    for name, values in chart.series.items():
        style = "--" if ", " in name else "-"  # another run's line
        axes.plot(chart.epochs, values, style, marker=marker, label=_plain(name))
    if chart.scale == "log" and chart.values.size:
        axes.set_yscale("log")
    for epoch in sorted({epoch for _, epoch in chart.marks}):
        axes.axvline(epoch, color="firebrick", lw=1, ls=":")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="x-small")


def _map(figure, axes, chart):
    colors = optional("matplotlib.colors", "TrainingReport")
    low, high = chart.limits
    if not high > low:
        low, high = (low / 2, low * 2) if chart.scale == "log" else (low - 0.5, high + 0.5)
    norm = colors.LogNorm(low, high) if chart.scale == "log" else colors.Normalize(low, high)
    anchors = np.array(DIVERGING if chart.scale == "signed" else SEQUENTIAL) / 255
    cells = np.array([*chart.series.values()], float)
    if chart.scale == "log":
        cells[~(cells > 0)] = np.nan
    begin = chart.epochs[0] - (chart.epochs[-1] - chart.epochs[0]) / max(len(chart.epochs) - 1, 1)
    half = (chart.epochs[0] - begin) / 2 or 0.5
    image = axes.imshow(
        cells,
        aspect="auto",
        cmap=colors.LinearSegmentedColormap.from_list("shades", anchors),
        norm=norm,
        interpolation="nearest",
        extent=(chart.epochs[0] - half, chart.epochs[-1] + half, len(cells) - 0.5, -0.5),
    )
    axes.set_facecolor("lightgrey")  # the colour of missing values
    rows = list(chart.series)
    for name, epoch in chart.marks:
        axes.plot(epoch, rows.index(name), "v", color="white", mec="black", ms=7)
    _name_rows(axes, chart)
    bar = figure.colorbar(image, ax=axes, extend="both")
    bar.ax.tick_params(labelsize="x-small")
    if chart.mark is not None:
        bar.ax.axhline(chart.mark, color="black", lw=2)
        bar.ax.set_title(f"black: {short(chart.mark)}", fontsize="x-small")


def _bands(figure, axes, chart):
    ends = np.array([*chart.series.values()], float)
    rows = np.arange(len(ends))
    axes.barh(rows, ends[:, 2] - ends[:, 0], left=ends[:, 0], height=0.6, alpha=0.5)
    axes.plot(ends[:, 1], rows, "|", color="black", ms=8, label="median")
    axes.axvline(0, color="grey", lw=1)
    axes.use_sticky_edges = False  # leave a margin at the ends of the longest bars
    axes.invert_yaxis()
    axes.set_xlabel("activation", fontsize="small")
    _name_rows(axes, chart)
    axes.grid(alpha=0.3, axis="x")


def _name_rows(axes, chart):
    names = [f"! {_plain(name)}" if name in chart.warned else _plain(name) for name in chart.series]
    axes.set_yticks(range(len(names)), names, fontsize="x-small")
    for label, name in zip(axes.get_yticklabels(), chart.series, strict=True):
        if name in chart.warned:
            label.set_color("firebrick")


def _plain(text):
    """Text that matplotlib shows unchanged.

    Without escaping it would render "$" as mathematics and leave names with a leading "_" out of
    legends.
    """
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
