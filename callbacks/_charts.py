"""Charts of the logs of a run: lines over epochs, heat maps and bands of layers."""

import itertools
import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

POINTS = 300  # the largest number of points of a line, so that the page of a long run stays small
COLUMNS = 60  # the largest number of columns of a heat map
CLIPPED = 2  # percent of a heat map's values at each end that its colour scale ignores


@dataclass(frozen=True)
class Quantity:
    """How to show a quantity of the logs.

    Args:
        title: the title of the chart, with the unit.
        scale: "linear", "log", or "signed", a linear scale with 0 in the middle.
        mark: a value to mark on the scale, or None.
    """

    title: str
    scale: str = "linear"
    mark: float | None = None


# The quantities that the callbacks of this package log, in the order of the report.
QUANTITIES = {
    "loss": Quantity("Loss", "log"),
    "learning_rate": Quantity("Learning rate", "log"),
    "dead_relu_fraction": Quantity("Dead ReLU units, share"),
    "gradient_norm": Quantity("Gradient norm", "log"),
    "update_ratio": Quantity("Update / weight ratio", "log", 1e-3),
    "activation_mean": Quantity("Activations: mean", "signed"),
    "activation_std": Quantity("Activations: standard deviation", "log"),
    "activation_active": Quantity("Activations: share above 0"),
    "activation_saturated": Quantity("Activations: saturated share"),
    "activation_p50": Quantity("Activations of the last epoch: 15th, 50th and 85th percentile"),
}
_BANDS = ("activation_p15", "activation_p50", "activation_p85")


@dataclass(frozen=True)
class Chart:
    """The data of one chart, which shows one quantity.

    Args:
        title: the title.
        scale: "linear", "log" or "signed".
        kind: "lines" (one line per series over epochs), "map" (a heat map with one row per layer
            and one column per epoch) or "bands" (one bar per layer, from a low to a high
            percentile with the median marked, at the last epoch).
        series: a dictionary from names to values. NaN stands for a missing value.
        epochs: the epoch of each value, counted from 1. For bands only the last epoch.
        mark: a value to mark on the scale, or None.
        warned: the names of series to mark because a warning mentions them.
        marks: pairs (series, epoch) of the warnings. In a chart of lines the series is not used.
    """

    title: str
    scale: str
    kind: str
    series: dict[str, list[float]]
    epochs: list[int]
    mark: float | None = None
    warned: frozenset[str] = field(default=frozenset())
    marks: tuple[tuple[str, int], ...] = ()

    @cached_property
    def values(self):
        """All values that can be drawn, as an array."""
        array = np.array([*self.series.values()], float).ravel()
        array = array[np.isfinite(array)]
        return array[array > 0] if self.scale == "log" else array

    @cached_property
    def limits(self):
        """The ends of the scale. A heat map ignores a few extreme values."""
        values = self.values
        if not values.size:
            return (0.1, 1.0) if self.scale == "log" else (0.0, 1.0)
        if self.kind == "map" and values.size > 20:
            low, high = np.percentile(values, (CLIPPED, 100 - CLIPPED))
        else:
            low, high = values.min(), values.max()
        if self.scale == "signed":
            high = max(abs(low), abs(high))
            low = -high
        elif self.kind == "map" and self.scale == "linear":
            low = min(low, 0.0)
        if self.mark is not None:
            low, high = min(low, self.mark), max(high, self.mark)
        return float(low), float(high)

    def places(self, values):
        """The positions of values on the scale, from 0 to 1. NaN if a value cannot be drawn."""
        values, (low, high) = np.array(values, float), self.limits
        values[~np.isfinite(values)] = math.nan
        if self.scale == "log":
            values[values <= 0] = math.nan
            values, low, high = np.log(values), math.log(low), math.log(high)
        if not high > low:
            return np.where(np.isnan(values), math.nan, 0.5)
        return np.clip((values - low) / (high - low), 0, 1)


def charts(logs, epochs=None, names=None, marks=(), others=None):
    """The charts of a run.

    Args:
        logs: the logs of the epochs, one dictionary per epoch.
        epochs: the number of each epoch, counted from 1. Default: 1, 2 ...
        names: the names of all log entries. Default: collected from `logs`.
        marks: triples (layer, epoch, quantities): the layers that a warning mentions, epochs
            counted from 1, and the quantities in whose charts it is marked; all if there are none.
        others: dictionary from names to the logs of other runs, whose lines are drawn as well.

    Returns:
        List of `Chart`: first the loss, then charts with a layer that a warning mentions, then
        learning rate, metrics and the others.
    """
    count = len(logs)
    epochs = range(1, count + 1) if epochs is None else epochs
    names = dict.fromkeys(itertools.chain.from_iterable(logs)) if names is None else names
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        quantity, _, layer = name.partition("/")
        if quantity.startswith("dead_relus"):
            continue  # `dead_relu_fraction` shows the same information
        if layer and quantity in _BANDS:
            groups.setdefault(("activation_p50", "bands"), {}).setdefault(layer, layer)
        elif layer:
            groups.setdefault((quantity, "map"), {})[layer] = name
        else:
            groups.setdefault((_quantity(quantity), "lines"), {})[quantity] = name
    result = []
    for quantity, kind in sorted(groups, key=_rank):
        shown = _shown(count, {"lines": POINTS, "map": COLUMNS, "bands": 1}[kind])
        series = _series(logs, groups[quantity, kind], kind, shown)
        if kind == "lines":
            series |= _lines_of(others or {}, groups[quantity, kind], shown)
        here = tuple(
            (layer, epoch)
            for layer, epoch, quantities in marks
            if (quantity in quantities or not quantities or quantity == "loss")
            and (layer in series or kind == "lines")
        )
        about = QUANTITIES.get(quantity, Quantity(quantity.replace("_", " ").capitalize()))
        scale = about.scale
        if scale == "log" and any(v < 0 for values in series.values() for v in values):
            scale = "linear"
        if kind == "lines" and scale == "signed":
            scale = "linear"
        result.append(
            Chart(
                about.title + (" by layer" if kind != "lines" else ""),
                scale,
                kind,
                series,
                [epochs[place] for place in shown],
                about.mark,
                frozenset(layer for layer, _ in here) & series.keys(),
                here,
            )
        )
    # The sort is stable: the order stays otherwise.
    return sorted(result, key=lambda chart: (chart is not result[0], not chart.warned))


def _series(logs, names, kind, shown):
    """The values of the shown epochs, by the label of the series."""
    if kind == "bands":
        return {
            layer: [logs[-1].get(f"{band}/{layer}", math.nan) for band in _BANDS] for layer in names
        }
    return {
        label: [logs[place].get(name, math.nan) for place in shown] for label, name in names.items()
    }


def _lines_of(others, names, shown):
    """The lines of other runs. NaN after the end of a shorter run."""
    return {
        f"{label}, {run}": [
            logs[place].get(label, math.nan) if place < len(logs) else math.nan for place in shown
        ]
        for run, logs in others.items()
        for label in names
        if any(label in entries for entries in logs)
    }


def _shown(count, most):
    """The indices of the epochs to draw, at most `most` and evenly spaced, including the last."""
    columns = min(count, most)
    return [(column + 1) * count // columns - 1 for column in range(columns)]


def _quantity(name):
    """The chart that shows a log entry as a line: `val_accuracy` belongs to `accuracy`."""
    name = name.removeprefix("val_")
    return "loss" if name.endswith("loss") else name


def _rank(group):
    """The sort key of a chart.

    First come loss and learning rate, then quantities that no callback of this package logs (such
    as accuracy), then the others.
    """
    quantity, kind = group
    known = list(QUANTITIES)
    place = known.index(quantity) + (quantity not in known[:2]) if quantity in known else 2
    return place, kind != "lines"
