"""Charts as lists of SVG shapes, for the template of the HTML page."""

import math
from typing import NamedTuple

import numpy as np

from keras_ddl.callbacks._colours import colours, data_uri

COLOURS = [f"--s{i}" for i in range(6)]
WIDTH, LEFT, RIGHT, ROW = 560, 64, 12, 18


# Tuples, which the template unpacks: looking up thousands of names would take most of its time.
class Rule(NamedTuple):
    """A thin line of a scale."""

    x1: str | int
    y1: str | int
    x2: str | int
    y2: str | int


class Label(NamedTuple):
    """Text; `anchor` is the end of it, "start", "middle" or "end", that `x` is the place of."""

    x: str
    y: str
    anchor: str
    text: str | int


class Line(NamedTuple):
    """A line through points, as SVG writes them."""

    colour: str
    points: str


class Dot(NamedTuple):
    """A point with a tip, which shows when the mouse is over it."""

    x: str
    y: str
    colour: str
    tip: str


class Image(NamedTuple):
    """Pixels that fill a rectangle."""

    x: int
    y: int
    width: int
    height: int
    uri: str


class Box(NamedTuple):
    """An invisible rectangle with a tip."""

    x: int
    y: int
    width: int
    height: int
    tip: str


def drawing(chart):
    """The shapes of a chart, which the template draws. Colours are names of CSS variables."""
    shapes = {"lines": _lines, "map": _map, "bands": _bands}[chart.kind](chart)
    empty: dict[str, list] = {
        key: [] for key in ("marks", "labels", "lines", "dots", "images", "boxes", "legend")
    }
    return empty | {"title": chart.title, "width": WIDTH} | shapes


def short(value):
    """A number with three significant digits, or "-" if it is not finite."""
    return "-" if not math.isfinite(value) else f"{value:.3g}"


def scale_values(chart):
    """The values to label on a scale: its ends, and the mark or else the middle."""
    low, high = chart.limits
    middle = math.sqrt(low * high) if chart.scale == "log" else (low + high) / 2
    return sorted({low, high, middle if chart.mark is None else chart.mark})


def _lines(chart):
    top, bottom, height = 10, 180, 204
    marks, labels, lines, dots = [], [], [], []
    for value in scale_values(chart):
        y = bottom - float(chart.places([value])[0]) * (bottom - top)
        marks.append(Rule(LEFT, f"{y:.1f}", WIDTH - RIGHT, f"{y:.1f}"))
        labels.append(_label(LEFT - 6, y + 4, "end", short(value)))
    count = len(chart.epochs)
    first, last = chart.epochs[0], chart.epochs[-1]
    for epoch in sorted({epoch for _, epoch in chart.marks if first <= epoch <= last}):
        share = (epoch - first) / (last - first) if last > first else 0.5
        at = LEFT + (WIDTH - LEFT - RIGHT) * share
        marks.append(Rule(f"{at:.1f}", top, f"{at:.1f}", bottom))
        labels.append(_label(at, top + 8, "middle", "⚠"))
    xs = [
        LEFT + (WIDTH - LEFT - RIGHT) * (i / (count - 1) if count > 1 else 0.5)
        for i in range(count)
    ]
    labels += _epoch_labels(chart.epochs, xs, height - 6)
    legend = []
    for number, (name, values) in enumerate(chart.series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = chart.places(values)
        points = []
        for x, place, epoch, value in zip(xs, places, chart.epochs, values, strict=True):
            if math.isnan(place):
                continue
            y = bottom - place * (bottom - top)
            points.append(f"{x:.1f},{y:.1f}")
            if count <= 100:
                tip = f"{name}, epoch {epoch}: {short(value)}"
                dots.append(Dot(f"{x:.1f}", f"{y:.1f}", colour, tip))
        lines.append(Line(colour, " ".join(points)))
        legend.append((name, colour))
    return {
        "title": chart.title + (" (logarithmic)" if chart.scale == "log" else ""),
        "height": height,
        "marks": marks,
        "labels": labels,
        "lines": lines,
        "dots": dots,
        "legend": legend,
    }


def _map(chart):
    left, right = _left(chart), 72
    width, rows = WIDTH - left - right, len(chart.series)
    height = rows * ROW
    signed = chart.scale == "signed"
    image = data_uri(colours(chart.places([*chart.series.values()]), signed))
    labels = _row_labels(chart, left)
    boxes = []
    for index, (name, values) in enumerate(chart.series.items()):
        labels.append(_label(WIDTH - right + 6, index * ROW + 13, "start", short(values[-1])))
        tip = f"{name}, epoch {chart.epochs[-1]}: {short(values[-1])}"
        boxes.append(Box(left, index * ROW, width, ROW, tip))
    step = width / len(chart.epochs)
    rows_of = list(chart.series)
    for name, epoch in chart.marks:
        place = next((i for i, shown in enumerate(chart.epochs) if shown >= epoch), None)
        if place is not None:
            x, y = left + (place + 0.5) * step, rows_of.index(name) * ROW + 13
            labels.append(_label(x, y, "middle", "⚠"))
    xs = [left + (i + 0.5) * step for i in range(len(chart.epochs))]
    labels += _epoch_labels(chart.epochs, xs, height + 14)
    bar = data_uri(colours(np.linspace(0, 1, 64)[None], signed))
    for value in scale_values(chart):
        x = left + float(chart.places([value])[0]) * width
        labels.append(_label(x, height + 46, "middle", short(value)))
    return {
        "height": height + 52,
        "labels": labels,
        "boxes": boxes,
        "images": [
            Image(left, 0, width, height, image),
            Image(left, height + 22, width, 10, bar),
        ],
        "legend": [
            ("colour: " + ("logarithmic" if chart.scale == "log" else "linear"), None),
            ("right: last epoch", None),
        ],
    }


def _bands(chart):
    left, right = _left(chart), 24
    width, height = WIDTH - left - right, len(chart.series) * ROW
    labels, marks, lines, boxes = _row_labels(chart, left), [], [], []
    low, high = chart.limits
    for value in sorted({low, high, 0.0 if low < 0 < high else low}):
        x = left + float(chart.places([value])[0]) * width
        marks.append(Rule(f"{x:.1f}", 0, f"{x:.1f}", height))
        labels.append(_label(x, height + 14, "middle", short(value)))
    for index, (name, values) in enumerate(chart.series.items()):
        xs, y = left + chart.places(values) * width, index * ROW + ROW / 2
        if np.isnan(xs).any():
            continue
        lines.append(Line(COLOURS[0], f"{xs[0]:.1f},{y} {xs[2]:.1f},{y}"))
        top, bottom = y - 6, y + 6
        lines.append(Line(COLOURS[1], f"{xs[1]:.1f},{top} {xs[1]:.1f},{bottom}"))
        tip = f"{name}: {short(values[0])}, median {short(values[1])}, {short(values[2])}"
        boxes.append(Box(left, index * ROW, width, ROW, tip))
    legend = [("15th to 85th percentile", COLOURS[0]), ("median", COLOURS[1])]
    return {
        "height": height + 20,
        "labels": labels,
        "marks": marks,
        "lines": lines,
        "boxes": boxes,
        "legend": legend,
    }


def _left(chart):
    return min(max(len(name) for name in chart.series) * 7 + 24, 220)


def _row_labels(chart, left):
    labels = []
    for index, name in enumerate(chart.series):
        text = name if len(name) <= 28 else name[:27] + "…"
        text = f"⚠ {text}" if name in chart.warned else text
        labels.append(_label(left - 6, index * ROW + 13, "end", text))
    return labels


def _epoch_labels(epochs, xs, y):
    shown = sorted({0, (len(epochs) - 1) // 2, len(epochs) - 1})
    return [
        _label(xs[i], y, "middle", f"epoch {epochs[i]}" if i == shown[0] else epochs[i])
        for i in shown
    ]


def _label(x, y, anchor, text):
    return Label(f"{x:.1f}", f"{y:.1f}", anchor, text)
