"""Records as text: the result table, what was scaled down, and the verdicts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from benchmarks.harness.claims import Claim, Verdict
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.references import Reference
from benchmarks.harness.results.width import column_groups
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import Section, Table, groups

MEASUREMENT = ("points", "curve_examples")  # settings that change what is seen, not what happens


def result_rows(section: Section) -> Table:
    """One row for each value of the view's axis: means with 95 % intervals, n/c where diverged."""
    return (section.view.table or _standard)(section)


def result_table(section: Section, fmt: str = "simple", width: int | None = None) -> str:
    """The rows as text. Columns that do not fit into `width` follow below, after the first one."""
    headers, rows = result_rows(section)
    parts = [[*range(len(headers))]] if width is None else column_groups(headers, rows, width)
    return "\n\n".join(
        tabulate(
            [[row[column] for column in part] for row in rows],
            [headers[column] for column in part],
            tablefmt=fmt,
            colalign=["left", *["right"] * (len(part) - 1)],
            disable_numparse=True,
        )
        for part in parts
    )


def as_json(section: Section) -> dict[str, Any]:
    """The table as it is printed, and the numbers behind it: plain values, None for no number."""
    headers, rows = result_rows(section)
    view = section.view
    names = (view.axis, *view.series)
    return {
        "title": section.title,
        "setting": section.setting,
        "columns": [f"{header}" for header in headers],
        "rows": [[_json_cell(value) for value in row] for row in rows],
        "arms": [
            {
                **dict(zip(names, values, strict=True)),
                "seeds": len(arm),
                "diverged": sum(record.status == "diverged" for record in arm),
                "metrics": {name: _numbers(arm, name) for name in view.metrics},
            }
            for values, arm in groups(section.records, names, optional=True).items()
        ],
    }


def _json_cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str | None) else f"{value}"


def _numbers(arm: Sequence[Record], metric: str) -> dict[str, float | None]:
    found = mean_interval([r.metrics[metric] for r in arm if metric in r.metrics])
    values = {"mean": found.mean, "low": found.low, "high": found.high}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _standard(section: Section) -> Table:
    view, reference = section.view, section.reference
    names = reference.values if reference else {}
    headers = [view.axis_title, *view.metrics.values(), "seeds"]
    headers += [f"paper: {view.metrics.get(name, name)}" for name in names]
    rows = []
    for (value,), arm in groups(section.records, (view.axis,)).items():
        row = [value, *(cell(arm, metric) for metric in view.metrics), len(arm)]
        rows.append([*row, *(published(reference, name, value) for name in names)])
    return headers, rows


def cell(arm: Sequence[Record], metric: str) -> str:
    """The mean of an arm's metric with its interval; n/c where runs diverged."""
    found = [record.metrics[metric] for record in arm if metric in record.metrics]
    lost = sum(record.status == "diverged" for record in arm)
    if lost == len(arm):
        return "n/c"
    return f"{mean_interval(found)}" + (f" (n/c {lost})" if lost else "")


def published(reference: Reference | None, metric: str, value: float) -> str:
    """The paper's value with its error bar, or "-"."""
    found = reference.values[metric].get(value) if reference else None
    if reference is None or found is None:
        return "-"
    spread = reference.spreads.get(metric, {}).get(value)
    return f"{found:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def setting(trial: Trial, experiment: Experiment) -> str:
    """How a trial's set-up differs from the paper's profile: the line above every table."""
    paper = {"data": experiment.paper_dataset, **experiment.profiles["paper"].settings}
    own = {"data": trial.dataset, **trial.params}
    differing = [
        f"{name.replace('_', ' ')} {_plain(own[name])} (paper profile: {_plain(paper[name])})"
        for name in paper
        if name in own and name not in MEASUREMENT and _plain(own[name]) != _plain(paper[name])
    ]
    if not differing:
        return "Settings of the paper profile."
    costs = experiment.profiles[trial.profile].costs
    scaled = f"NOT the paper's set-up, compare shapes only: {'; '.join(differing)}."
    return f"{scaled} What that costs: {costs}" if costs else scaled


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    return "none" if value is None else f"{value}"


def verdict_table(
    claims: Sequence[Claim],
    verdicts: Mapping[str, Verdict],
    fmt: str = "simple",
    width: int | None = None,
) -> str:
    """The claims with their verdicts and the figures these follow from."""
    breaks = "<br>" if fmt == "pipe" else "\n"
    rows = [
        (
            claim.id,
            claim.statement,
            verdicts[claim.id].verdict,
            breaks.join(map(str, verdicts[claim.id].findings)),
        )
        for claim in claims
    ]
    says, measured = 32, 60
    if width is not None:
        left = width - max(len(row[0]) for row in rows) - max(len(row[2]) for row in rows) - 6
        says = min(says, max(12, left // 3))
        measured = max(16, left - says)
    widths = None if fmt == "pipe" else [None, says, None, measured]
    return tabulate(rows, ("claim", "says", "verdict", "measured"), fmt, maxcolwidths=widths)
