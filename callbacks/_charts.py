"""Numbers of a run as charts: lines over epochs, layers by epochs, and bands by layer."""

import itertools
import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

POINTS = 300  # of a line, at most: a page of thousands of epochs must stay small
COLUMNS = 60  # of a heat map, at most
CLIPPED = 2  # percent of a heat map's values at each end that do not stretch its colours


@dataclass(frozen=True)
class Quantity:
    """How a quantity of the logs is shown.

    Args:
        title: in words, with the unit.
        scale: "linear", "log", or "signed": linear around 0.
        mark: a value to mark on the scale, or None.
    """

    title: str
    scale: str = "linear"
    mark: float | None = None


# What the callbacks of this package put into the logs, in the order of the report.
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
    "activation_p50": Quantity("Activations: 15th, 50th and 85th percentile, last epoch"),
}
_BANDS = ("activation_p15", "activation_p50", "activation_p85")


@dataclass(frozen=True)
class Chart:
    """One quantity: by series over epochs, by layer and epoch, or by layer at the last epoch.

    Args:
        title: in words.
        scale: "linear", "log" or "signed".
        kind: "lines", "map" (layers as rows, colours for values) or "bands" (layers as rows, from
            the lowest to the highest value, the middle one marked).
        series: by name, the values shown; NaN where there was none.
        epochs: the number of the epoch, from 1, of each value. Of bands: of the last.
        mark: a value to mark on the scale, or None.
        warned: names of series that a warning is about.
    """

    title: str
    scale: str
    kind: str
    series: dict[str, list[float]]
    epochs: list[int]
    mark: float | None = None
    warned: frozenset[str] = field(default=frozenset())

    @cached_property
    def values(self):
        """All that can be drawn, as an array."""
        array = np.array([*self.series.values()], float).ravel()
        array = array[np.isfinite(array)]
        return array[array > 0] if self.scale == "log" else array

    @cached_property
    def limits(self):
        """The ends of the scale. A few extreme values of a heat map do not stretch it."""
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
        """Where values lie between the ends of the scale, from 0 to 1; NaN: not to be drawn."""
        values, (low, high) = np.array(values, float), self.limits
        values[~np.isfinite(values)] = math.nan
        if self.scale == "log":
            values[values <= 0] = math.nan
            values, low, high = np.log(values), math.log(low), math.log(high)
        if not high > low:
            return np.where(np.isnan(values), math.nan, 0.5)
        return np.clip((values - low) / (high - low), 0, 1)


def charts(logs, epochs=None, names=None, warned=()):
    """The charts of a run.

    Args:
        logs: the logs of its epochs, a dictionary each.
        epochs: the number of each epoch, from 1. Default: 1, 2 ...
        names: the names of all entries, if they are known.
        warned: names of layers that a warning is about.

    Returns:
        List of `Chart`: loss and rate, then metrics, then the others.
    """
    count = len(logs)
    epochs = range(1, count + 1) if epochs is None else epochs
    names = dict.fromkeys(itertools.chain.from_iterable(logs)) if names is None else names
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        quantity, _, layer = name.partition("/")
        if quantity.startswith("dead_relus"):
            continue  # the share says the same
        if layer and quantity in _BANDS:
            groups.setdefault(("activation_p50", "bands"), {}).setdefault(layer, layer)
        elif layer:
            groups.setdefault((quantity, "map"), {})[layer] = name
        else:
            groups.setdefault((_quantity(quantity), "lines"), {})[quantity] = name
    made = []
    for quantity, kind in sorted(groups, key=_rank):
        shown = _shown(count, {"lines": POINTS, "map": COLUMNS, "bands": 1}[kind])
        if kind == "bands":
            series = {
                layer: [logs[-1].get(f"{band}/{layer}", math.nan) for band in _BANDS]
                for layer in groups[quantity, kind]
            }
        else:
            series = {
                label: [logs[place].get(name, math.nan) for place in shown]
                for label, name in groups[quantity, kind].items()
            }
        about = QUANTITIES.get(quantity, Quantity(quantity.replace("_", " ").capitalize()))
        scale = about.scale
        if scale == "log" and any(v < 0 for values in series.values() for v in values):
            scale = "linear"
        if kind == "lines" and scale == "signed":
            scale = "linear"
        made.append(
            Chart(
                about.title + (" by layer" if kind != "lines" else ""),
                scale,
                kind,
                series,
                [epochs[place] for place in shown],
                about.mark,
                frozenset(warned) & series.keys(),
            )
        )
    return made


def _shown(count, most):
    """The places of the epochs that are drawn, the last of each stretch."""
    columns = min(count, most)
    return [(column + 1) * count // columns - 1 for column in range(columns)]


def _quantity(name):
    """Which chart an entry of the logs is a line of: `val_accuracy` stands beside `accuracy`."""
    name = name.removeprefix("val_")
    return "loss" if name.endswith("loss") else name


def _rank(group):
    """Loss and rate, then what no callback of this package logs (accuracy), then the others."""
    quantity, kind = group
    known = list(QUANTITIES)
    place = known.index(quantity) + (quantity not in known[:2]) if quantity in known else 2
    return place, kind != "lines"
