"""What the study of surfaces shows: steps by condition number, and the ways of the optimizers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness.spec import Record
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import Section, Table, arm, groups
from benchmarks.optimizers.methods import METHODS, theory
from benchmarks.optimizers.problems import axes as axes_of

THEORY = ", theory"
COLOURS = {method: f"C{place}" for place, method in enumerate(METHODS)}


def table(section: Section) -> Table:
    """By condition number where there are several, else a row for each optimizer."""
    conditions = _conditions(section)
    names = _names(section)
    if len(conditions) > 1:
        headers = ["steps (learning rate)", *(f"condition {c:,}" for c in conditions), "seeds"]
        rows: list[Sequence[Any]] = [
            [
                name,
                *(steps(arm(section.records, optimizer=name, condition=c)) for c in conditions),
                _seeds(arm(section.records, optimizer=name)),
            ]
            for name in names
        ]
        if any(name.endswith(THEORY) for name in names):
            rows += [
                [f"{name}: predicted", *(_predicted(section, name, c) for c in conditions), "-"]
                for name in names
                if name.endswith(THEORY)
            ]
        return headers, rows
    headers = ["optimizer", "steps (learning rate)", "starts that arrived %"]
    headers += ["steps across the valley %", "way / distance", "seeds"]
    return headers, [
        [
            name,
            steps(found),
            *(_mean(found, metric) for metric in ("arrived", "turns", "path")),
            _seeds(found),
        ]
        for name in names
        if (found := arm(section.records, optimizer=name))
    ]


def steps(found: Sequence[Record]) -> str:
    """Mean steps with their interval, and the learning rate; the cap where some did not arrive."""
    done = [record for record in found if record.status == "ok"]
    if not done:
        return "n/c" if found else "-"
    rates = sorted({record.metrics["rate"] for record in done})
    rate = " to ".join(f"{one:.2g}" for one in dict.fromkeys([rates[0], rates[-1]]))
    arrived = np.mean([record.metrics["arrived"] for record in done])
    if not arrived:
        return f"none in {done[0].trial.params['most_steps']:,} ({rate})"
    interval = mean_interval([record.metrics["steps"] for record in done])
    half = "" if np.isnan(interval.half) else f" ± {interval.half:,.0f}"
    lost = f", {100 - arrived:.0f} % not in {done[0].trial.params['most_steps']:,}"
    return f"{interval.mean:,.0f}{half} ({rate}{lost if arrived < 100 else ''})"


def draw(section: Section, figure) -> None:
    if any(record.curves for record in section.records):
        _draw_ways(section, figure)
    elif len(_conditions(section)) > 1:
        _draw_steps(section, figure)


def _draw_steps(section: Section, figure) -> None:
    """Tuned optimizers as lines, theory's constants as crosses, its prediction in grey."""
    figure.set_size_inches(8, 5.4)
    axes, conditions = figure.subplots(), _conditions(section)
    for name in _names(section):
        found = {
            condition: [r.metrics["steps"] for r in records if r.status == "ok"]
            for (condition,), records in groups(
                arm(section.records, optimizer=name), ("condition",)
            ).items()
        }
        means = {c: mean_interval(steps) for c, steps in found.items() if steps}
        style: dict[str, Any] = {"marker": "o", "label": f"{name}, tuned", "capsize": 3}
        if name.endswith(THEORY):
            style = {"marker": "x", "linestyle": "none", "label": f"{name}'s constants"}
        axes.errorbar(
            [*means],
            [interval.mean for interval in means.values()],
            yerr=np.nan_to_num([interval.half for interval in means.values()]),
            color=COLOURS[name.removesuffix(THEORY)],
            **style,
        )
    tolerance = section.records[0].trial.params["tolerance"]
    for method, dashes in (("SGD", "-"), ("Nesterov", "--"), ("momentum", ":")):
        if f"{method}{THEORY}" in _names(section):
            told = [theory(method, condition).steps(tolerance) for condition in conditions]
            label = f"{method}: theory's rate"
            axes.plot(conditions, told, dashes, color="grey", zorder=1, label=label)
    axes.set(xscale="log", yscale="log", xlabel="condition number")
    axes.set(ylabel=f"steps until the distance is {tolerance:g} of what it was")
    axes.legend(fontsize="x-small", ncols=2)


def _draw_ways(section: Section, figure) -> None:
    """One panel for each optimizer: the contours, and the way of the first repetition."""
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    figure.set_size_inches(13, 7.6)
    for method, axes in zip(METHODS, panels.flat, strict=True):
        found = [r for r in arm(section.records, optimizer=method) if r.curves]
        if not found:
            axes.set_title(f"{method}: n/c")
            continue
        record = min(found, key=lambda record: record.trial.repetition)
        _contours(axes, record)
        x, y = record.curves["x"], record.curves["y"]
        axes.plot(x, y, "o-", color=COLOURS[method], markersize=2.5, linewidth=1.2)
        count, arrived = record.metrics["steps"], record.metrics["arrived"] == 100
        about = f"{count:,.0f} steps on average" if arrived else f"some not in {count:,.0f}"
        if record.trial.params["problem"] != "Rosenbrock":
            about = f"{count:,.0f} steps" if arrived else f"not in {count:,.0f} steps"
        axes.set_title(f"{method}, learning rate {record.metrics['rate']:.2g}: {about}", size=9)


def _contours(axes, record: Record) -> None:
    params = record.trial.params
    if params["problem"] == "Rosenbrock":
        x, y = np.meshgrid(np.linspace(-2, 2, 300), np.linspace(-1, 3, 300))
        value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        axes.plot(1, 1, "k*")
    else:
        x, y = np.meshgrid(np.linspace(-0.4, 1.1, 300), np.linspace(-0.6, 0.9, 300))
        along, across = np.moveaxis(np.stack([x, y], axis=-1) @ axes_of(record.trial), -1, 0)
        value = along**2 / 2 + params["condition"] * across**2 / 2
        axes.plot(0, 0, "k*")
    axes.contour(x, y, value, levels=np.logspace(-2, 3, 12), colors="grey", linewidths=0.5)
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))


def _conditions(section: Section) -> list[int]:
    found = {record.trial.params.get("condition") for record in section.records}
    return sorted(condition for condition in found if condition is not None)


def _names(section: Section) -> list[str]:
    """The optimizers in the order of `METHODS`, tuned ones first."""
    held = {record.trial.params["optimizer"] for record in section.records}
    return [name for end in ("", THEORY) for name in (m + end for m in METHODS) if name in held]


def _predicted(section: Section, name: str, condition: int) -> str:
    found = arm(section.records, optimizer=name, condition=condition)
    told = [r.metrics["steps_by_theory"] for r in found if "steps_by_theory" in r.metrics]
    return f"{told[0]:,.0f}" if told else "-"


def _mean(found: Sequence[Record], metric: str) -> str:
    return f"{mean_interval([r.metrics[metric] for r in found if metric in r.metrics])}"


def _seeds(found: Sequence[Record]) -> int:
    return len({record.trial.repetition for record in found})
