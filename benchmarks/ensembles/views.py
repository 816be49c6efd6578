"""Tables and figures of the ensembles: by the number of masks, and by the training cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness.spec import Record
from benchmarks.harness.stats import Interval, mean_interval
from benchmarks.harness.views import Section, Table, arm, values

INDEPENDENT, SINGLE = "independent", "single"
SCORES = {"error": "test error %", "nll": "test NLL", "ece": "calibration error, pp"}
METHODS = {
    "plain": "one network",
    "dropout": "one network with dropout, weight scaling",
    "snapshots": "snapshots of one network",
}
AVERAGE = "average of independent networks"


def highest_cost(records: Sequence[Record]) -> int:
    """The highest training cost, in units; 0 without records."""
    return max((record.trial.params["cost"] for record in records), default=0)


def sample_counts(records: Sequence[Record]) -> list[int]:
    """The numbers of masks that were averaged."""
    return sorted({n for record in records for n in record.trial.params["samples"]})


def most_samples(records: Sequence[Record]) -> int:
    """The largest number of masks that were averaged; 0 without records."""
    return max(sample_counts(records), default=0)


def interval(records: Sequence[Record], metric: str, **where: Any) -> Interval:
    """The mean of a metric with its interval."""
    return mean_interval([*values(records, metric, **where).values()])


def shown(one: Interval, score: str) -> str:
    """An interval in a cell; a negative log-likelihood has four decimals."""
    if score != "nll" or one.count == 0:
        return f"{one}"
    return f"{one.mean:.4f}" + ("" if np.isnan(one.half) else f" ± {one.half:.4f}")


def samples_table(section: Section) -> Table:
    """A row for each number of masks, and one for weight scaling."""
    records, cost = section.records, highest_cost(section.records)
    headers = ["average over", *SCORES.values(), "seeds"]
    rows: list[list[Any]] = []
    names = {f"{n} mask{'s' if n > 1 else ''}": f"mc_{{}}_{n}" for n in sample_counts(records)}
    for name, metric in {**names, "weight scaling": "dropout_{}"}.items():
        found = {
            score: interval(records, metric.format(score), networks=SINGLE, cost=cost)
            for score in SCORES
        }
        cells = [shown(one, score) for score, one in found.items()]
        rows.append([name, *cells, found["error"].count])
    return headers, rows


def draw_samples(section: Section, figure) -> None:
    """Fig. 11: each score by the number of masks, and weight scaling as a line."""
    figure.set_size_inches(13, 4.6)
    records, cost = section.records, highest_cost(section.records)
    counts = sample_counts(records)
    for axes, (score, title) in zip(figure.subplots(1, len(SCORES)), SCORES.items(), strict=True):
        found = [interval(records, f"mc_{score}_{n}", networks=SINGLE, cost=cost) for n in counts]
        means, halves = (np.array([getattr(one, k) for one in found]) for k in ("mean", "half"))
        axes.errorbar(counts, means, np.nan_to_num(halves), marker="o", capsize=3, label="average")
        scaled = interval(records, f"dropout_{score}", networks=SINGLE, cost=cost)
        axes.axhline(scaled.mean, color="tab:orange", label="weight scaling")
        if np.isfinite(scaled.half):
            axes.axhspan(scaled.low, scaled.high, color="tab:orange", alpha=0.15)
        axes.axvline(50, color="0.6", linestyle=":", label="paper: equal at about 50 (remembered)")
        axes.set(xscale="log", xlabel="masks averaged", ylabel=title)
        axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize="small")


def costs_table(section: Section) -> Table:
    """A row for each method and cost; below, published values of a larger network."""
    headers = ["method", "cost in units", *SCORES.values(), "time", "forward passes", "seeds"]
    records, rows = section.records, []
    times = relative_times(records)
    for name, cost, prefix in _methods(records):
        metric = f"{{}}_{cost}" if prefix is None else f"{prefix}_{{}}"
        where = {"networks": INDEPENDENT} if prefix is None else {"networks": SINGLE, "cost": cost}
        found = {score: interval(records, metric.format(score), **where) for score in SCORES}
        if not found["error"].count:
            continue
        passes = cost if prefix in (None, "snapshots") else 1
        cells = [shown(one, score) for score, one in found.items()]
        time = times[prefix](cost) if times else "-"
        rows.append([name, cost, *cells, time, passes, found["error"].count])
    if section.reference:
        for count in section.reference.values["error"]:
            published = [section.reference.values[score][count] for score in ("error", "nll")]
            row = [f"published: {section.reference.place}, average of {count}", count]
            rows.append([*row, f"{published[0]:.1f}", f"{published[1]:.3f}", "-", "-", count, "-"])
    return headers, rows


def relative_times(records: Sequence[Record]) -> dict[Any, Any]:
    """By method, a function of the cost: training time relative to one network's unit, in words.

    The independent networks train side by side, so they take less time than their cost. Their time
    at fewer networks is taken to be proportional.
    """
    found = {
        name: interval(records, f"seconds_{name}", networks=INDEPENDENT).mean
        for name in ("plain", "dropout", "ensemble")
    }
    if not all(map(np.isfinite, found.values())):
        return {}
    together = found["ensemble"] / found["plain"] / highest_cost(records)
    dropped = found["dropout"] / found["plain"]
    return {
        None: lambda cost: f"{max(1.0, together * cost):.1f}",
        "plain": lambda cost: f"{cost:.1f}",
        "snapshots": lambda cost: f"{cost:.1f}",
        "dropout": lambda cost: f"{dropped * cost:.1f}",
    }


def _methods(records: Sequence[Record]) -> list[tuple[str, int, str | None]]:
    """Name, cost and prefix of the metrics (None: independent networks), by cost."""
    costs = sorted({r.trial.params["cost"] for r in arm(records, networks=SINGLE)})
    found: list[tuple[str, int, str | None]] = []
    for cost in costs:
        found += [(name, cost, prefix) for prefix, name in METHODS.items()]
        found.append((AVERAGE, cost, None))
    return found


def draw_costs(section: Section, figure) -> None:
    """Each score by training cost, a line for each method."""
    figure.set_size_inches(13, 4.6)
    records = section.records
    lines: dict[str, list[tuple[int, str | None]]] = {}
    for name, cost, prefix in _methods(records):
        lines.setdefault(name, []).append((cost, prefix))
    for axes, (score, title) in zip(figure.subplots(1, len(SCORES)), SCORES.items(), strict=True):
        for name, points in lines.items():
            found: dict[int, Interval] = {}
            for cost, prefix in points:
                of: dict[str, Any] = {"networks": INDEPENDENT} if prefix is None else {}
                of = of or {"networks": SINGLE, "cost": cost}
                metric = f"{score}_{cost}" if prefix is None else f"{prefix}_{score}"
                one = interval(records, metric, **of)
                found |= {cost: one} if one.count else {}
            means, halves = ([getattr(o, k) for o in found.values()] for k in ("mean", "half"))
            axes.errorbar([*found], means, np.nan_to_num(halves), marker="o", capsize=3, label=name)
        axes.set(xscale="log", xlabel="training cost in units", ylabel=title)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
    if lines:
        axes.legend(fontsize="x-small")
