"""What the preprocessing experiment shows."""

import numpy as np

from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import Section, Table, arm

RAW = "raw"
ARMS = (RAW, "centred", "standardized", "PCA whitening", "ZCA whitening")
COLOURS = {name: f"C{place}" for place, name in enumerate(ARMS)}
METRICS = {
    "correlation": ("mean absolute correlation", "{:.4f}"),
    "largest_variance": ("largest variance / mean", "{:.1f}"),
    "loss": ("loss, nats", "{:.3f}"),
    "change": ("its change, nats", "{:.3f}"),
    "epochs": ("epochs to the training error", "{:.2f}"),
}


def table(section: Section) -> Table:
    """One row for each preprocessing; learning rates stand beside what they were chosen by."""
    headers = ["preprocessing", *(title for title, _ in METRICS.values())]
    headers += ["rates: regression; network", "seeds"]
    rows = []
    for name in ARMS:
        found = [r for r in arm(section.records, preprocessing=name) if r.status == "ok"]
        if not found:
            continue
        cells = [_cell([r.metrics[m] for r in found], form) for m, (_, form) in METRICS.items()]
        missed = sum(not record.metrics["reached"] for record in found)
        if missed:
            cells[-1] += f" ({missed} not in the epochs run)"
        rates = "; ".join(
            _rates([r.metrics[m] for r in found]) for m in ("regression_rate", "rate")
        )
        rows.append([name, *cells, rates, len(found)])
    return headers, rows


def draw(section: Section, figure) -> None:
    """Correlations, the change of the loss, and training errors at the fastest rates."""
    figure.set_size_inches(15, 4.8)
    left, middle, right = figure.subplots(1, 3)
    for place, name in enumerate(ARMS):
        found = [r for r in arm(section.records, preprocessing=name) if r.status == "ok"]
        if not found:
            continue
        for axes, metric in ((left, "correlation"), (middle, "change")):
            interval = mean_interval([record.metrics[metric] for record in found])
            half = np.nan_to_num(interval.half)
            axes.barh(place, interval.mean, xerr=half, color=COLOURS[name])
        curves = [record.curves for record in found if "train_error" in record.curves]
        length = min((len(one["train_error"]) for one in curves), default=0)
        if length:
            mean = np.mean([one["train_error"][:length] for one in curves], axis=0)
            right.plot(curves[0]["epochs"][:length], mean, color=COLOURS[name], label=name)
    for axes in (left, middle):
        axes.set_yticks(range(len(ARMS)), ARMS)
        axes.invert_yaxis()
    params = section.records[0].trial.params
    left.set(xlabel="mean absolute correlation of pairs of features")
    moved = f"{100 * params['perturbation']:g} % of their norm"
    middle.set(xlabel=f"change of the loss when weights are moved by {moved}, nats")
    right.axhline(params["target"], color="grey", linestyle=":")
    right.set(xlabel="epochs", ylabel="training error %", yscale="symlog")
    right.legend(fontsize="small")


def _cell(numbers, form: str) -> str:
    interval = mean_interval(numbers)
    half = "" if np.isnan(interval.half) else f" ± {form.format(interval.half)}"
    return f"{form.format(interval.mean)}{half}"


def _rates(numbers) -> str:
    ends = dict.fromkeys([min(numbers), max(numbers)])
    return " to ".join(f"{one:.2g}" for one in ends)
