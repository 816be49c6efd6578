"""Numbers of a run as charts: lines over epochs, and layers by epochs as shades."""

import math
from dataclasses import dataclass

# Titles of what the callbacks put into the logs, in the order of the report; `True`: logarithmic.
TITLES = {
    "loss": ("Loss", True),
    "learning_rate": ("Learning rate", True),
    "dead_relu_fraction": ("Dead ReLU units, share", False),
    "gradient_norm": ("Gradient norm", True),
    "update_ratio": ("Update / weight ratio", True),
    "activation_mean": ("Activations: mean", False),
    "activation_std": ("Activations: standard deviation", True),
    "activation_active": ("Activations: share above 0", False),
    "activation_saturated": ("Activations: saturated share", False),
    "activation_p15": ("Activations: 15th percentile", False),
    "activation_p50": ("Activations: median", False),
    "activation_p85": ("Activations: 85th percentile", False),
}


@dataclass(frozen=True)
class Chart:
    """One quantity: by series over epochs, or by layer and epoch.

    Args:
        title: in words.
        log: whether its scale is logarithmic.
        by_layer: whether series are layers, drawn as rows of shades, or lines.
        series: by name, one value for each epoch; NaN where there was none.
    """

    title: str
    log: bool
    by_layer: bool
    series: dict[str, list[float]]

    @property
    def values(self):
        """All that can be drawn."""
        found = [v for values in self.series.values() for v in values if math.isfinite(v)]
        return [v for v in found if v > 0] if self.log else found

    def place(self, value):
        """Where a value lies between the lowest, 0, and the highest, 1; None: not to be drawn."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        low, high = self.limits
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low) if high > low else 0.5

    @property
    def limits(self):
        """The lowest and the highest value; shares begin at 0."""
        values = self.values or [1.0]
        low = min(values) if self.log or min(values) < 0 or not self.by_layer else 0.0
        return low, max(values)


def charts(logs):
    """The charts of a run from the logs of its epochs, a dictionary each."""
    columns: dict[str, list[float]] = {}
    for epoch, entries in enumerate(logs):
        for name, value in entries.items():
            columns.setdefault(name, [math.nan] * len(logs))[epoch] = value
    groups: dict[tuple[str, bool], dict[str, list[float]]] = {}
    for name, values in columns.items():
        quantity, _, layer = name.partition("/")
        if quantity.startswith("dead_relus"):
            continue  # the share says the same
        group = (quantity, True) if layer else (_quantity(quantity), False)
        groups.setdefault(group, {})[layer or quantity] = values
    known = list(TITLES)
    order = sorted(groups, key=lambda group: (_rank(group[0], known), group[1]))
    made = []
    for quantity, by_layer in order:
        title, log = TITLES.get(quantity, (quantity.replace("_", " ").capitalize(), False))
        title += " by layer" if by_layer else ""
        series = groups[quantity, by_layer]
        drawn = [v for values in series.values() for v in values if math.isfinite(v)]
        made.append(Chart(title, log and all(v >= 0 for v in drawn), by_layer, series))
    return made


def _quantity(name):
    """Which chart an entry of the logs is a line of: `val_accuracy` stands beside `accuracy`."""
    name = name.removeprefix("val_")
    return "loss" if name.endswith("loss") else name


def _rank(quantity, known):
    """Loss, rate, then what is no callback's own (accuracy and the like), then the others."""
    return known.index(quantity) + (quantity not in known[:2]) if quantity in known else 2
