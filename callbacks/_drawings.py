"""Charts as shapes of an SVG drawing, and as a PNG."""

import math

from keras_ddl.callbacks._optional import pyplot_figure

COLOURS = [f"--s{i}" for i in range(6)]
WIDTH, LEFT, RIGHT = 560, 64, 12
COLUMNS = 60  # of shades, at most: a page of thousands of epochs must stay small


def drawing(chart, epochs):
    """Shapes that the page's template draws, colours as names of its variables."""
    return (_shades if chart.by_layer else _lines)(chart, epochs)


def _lines(chart, epochs):
    top, bottom, height = 10, 180, 204
    marks, labels, lines, dots = [], [], [], []
    low, high = chart.limits
    for share in (0, 0.5, 1):
        y = bottom - share * (bottom - top)
        value = low * (high / low) ** share if chart.log else low + share * (high - low)
        marks.append({"x1": LEFT, "y1": y, "x2": WIDTH - RIGHT, "y2": y})
        if share != 0.5 or high > low:
            labels.append(_label(LEFT - 6, y + 4, "end", _short(value)))
    labels += _epoch_labels(epochs, lambda epoch: _across(epoch, epochs), height - 6)
    colours = COLOURS * len(chart.series)  # they may have to serve again
    for (name, values), colour in zip(chart.series.items(), colours, strict=False):
        points = []
        for epoch, value in enumerate(values):
            place = chart.place(value)
            if place is None:
                continue
            x, y = _across(epoch, epochs), bottom - place * (bottom - top)
            points.append(f"{x:.1f},{y:.1f}")
            tip = f"{name}, epoch {epoch + 1}: {_short(value)}"
            dots.append({"x": f"{x:.1f}", "y": f"{y:.1f}", "colour": colour, "tip": tip})
        lines.append({"colour": colour, "points": " ".join(points)})
    names = list(zip(chart.series, colours, strict=False))
    return {
        "title": chart.title + (" (logarithmic)" if chart.log else ""),
        "width": WIDTH,
        "height": height,
        "marks": marks,
        "labels": labels,
        "lines": lines,
        "dots": dots if epochs <= 100 else [],
        "boxes": [],
        "legend": names,
    }


def _shades(chart, epochs):
    row = 18
    left = min(max(len(name) for name in chart.series) * 7 + 10, 200)
    right = 72
    columns = min(epochs, COLUMNS)
    step = (WIDTH - left - right) / columns
    shown_epochs = [(column + 1) * epochs // columns - 1 for column in range(columns)]
    boxes, labels = [], []
    for index, (name, values) in enumerate(chart.series.items()):
        y = index * row
        shown = name if len(name) <= 28 else name[:27] + "…"
        labels.append(_label(left - 6, y + 13, "end", shown))
        labels.append(_label(WIDTH - right + 6, y + 13, "start", _short(values[-1])))
        for column, epoch in enumerate(shown_epochs):
            value = values[epoch]
            place = chart.place(value)
            boxes.append(
                {
                    "x": f"{left + column * step:.2f}",
                    "y": y + 1,
                    "w": f"{max(step - (1 if step > 4 else 0), 0.5):.2f}",
                    "h": row - 2,
                    "colour": "--rule" if place is None else "--shade",
                    "opacity": f"{0.25 if place is None else 0.06 + 0.94 * place:.2f}",
                    "tip": f"{name}, epoch {epoch + 1}: {_short(value)}",
                }
            )
    height = len(chart.series) * row + 20
    width = step * columns
    labels += _epoch_labels(epochs, lambda epoch: left + (epoch + 0.5) / epochs * width, height - 6)
    low, high = chart.limits
    return {
        "title": chart.title,
        "width": WIDTH,
        "height": height,
        "marks": [],
        "labels": labels,
        "lines": [],
        "dots": [],
        "boxes": boxes,
        "legend": [
            (f"faint {_short(low)}, full {_short(high)}" + (", logarithmic" * chart.log), None),
            ("right: last epoch", None),
        ],
    }


def _across(epoch, epochs):
    return LEFT + (WIDTH - LEFT - RIGHT) * (epoch / (epochs - 1) if epochs > 1 else 0.5)


def _epoch_labels(epochs, where, y):
    shown = sorted({0, (epochs - 1) // 2, epochs - 1})
    return [
        _label(where(epoch), y, "middle", f"epoch {epoch + 1}" if epoch == shown[0] else epoch + 1)
        for epoch in shown
    ]


def _label(x, y, anchor, text):
    return {"x": f"{x:.1f}", "y": f"{y:.1f}", "anchor": anchor, "text": text}


def _short(value):
    return "-" if not math.isfinite(value) else f"{value:.3g}"


def picture(charts, epochs, title, path):
    """Write all charts into one PNG."""
    columns = 2 if len(charts) <= 6 else 3
    rows = -(-len(charts) // columns)
    figure = pyplot_figure("TrainingReport", figsize=(6.4 * columns, 3.2 * rows))
    figure.suptitle(title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, chart in zip(panels, charts, strict=False):
        axes.set_title(chart.title, fontsize="medium")
        axes.set_xlabel("epoch", fontsize="small")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if chart.by_layer:
            cells = [
                [math.nan if (p := chart.place(v)) is None else p for v in values]
                for values in chart.series.values()
            ]
            axes.imshow(
                cells,
                aspect="auto",
                cmap="Reds",
                vmin=0,
                vmax=1,
                interpolation="nearest",
                extent=(0.5, epochs + 0.5, len(cells) - 0.5, -0.5),
            )
            axes.set_yticks(range(len(cells)), list(chart.series), fontsize="x-small")
            low, high = map(_short, chart.limits)
            axes.set_xlabel(f"epoch; white {low}, red {high}", fontsize="small")
            continue
        for name, values in chart.series.items():
            axes.plot(range(1, epochs + 1), values, marker="." if epochs < 50 else None, label=name)
        if chart.log and chart.values:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="x-small")
    for axes in panels[len(charts) :]:
        axes.remove()
    figure.savefig(path, dpi=100)
