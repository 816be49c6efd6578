"""Shows records as text: the result table, differences from the paper's set-up, and verdicts."""

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

MEASUREMENT = ("points", "curve_examples")  # settings that change the curves, not the training


def result_rows(section: Section) -> Table:
    """One row for each value of the view's axis: means with 95 % intervals; n/c: not converged."""
    return (section.view.table or _standard)(section)


def result_table(section: Section, fmt: str = "simple", width: int | None = None) -> str:
    """The rows as text. Columns that exceed `width` follow in further tables below.

    Each further table repeats the first column.
    """
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
    """The printed table and its numbers, as JSON values; None stands for a missing number."""
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
    interval = mean_interval([r.metrics[metric] for r in arm if metric in r.metrics])
    values = {"mean": interval.mean, "low": interval.low, "high": interval.high}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _standard(section: Section) -> Table:
    view, reference = section.view, section.reference
    names = reference.values if reference else {}
    headers = [view.axis_title, *section.metrics.values(), "seeds"]
    headers += [f"paper: {view.metrics.get(name, name)}" for name in names]
    rows = []
    for (value,), arm in groups(section.records, (view.axis,)).items():
        row = [value, *(cell(arm, metric) for metric in section.metrics), len(arm)]
        rows.append([*row, *(published(reference, name, value) for name in names)])
    return headers, rows


def cell(arm: Sequence[Record], metric: str) -> str:
    """The mean of an arm's metric with its interval, and how many runs diverged (n/c)."""
    seeds = [record.metrics[metric] for record in arm if metric in record.metrics]
    diverged = sum(record.status == "diverged" for record in arm)
    if diverged == len(arm):
        return "n/c"
    return f"{mean_interval(seeds)}" + (f" (n/c {diverged})" if diverged else "")


def published(reference: Reference | None, metric: str, value: float | str) -> str:
    """The paper's value with its error bar; "-" if the paper has none."""
    mean = reference.values[metric].get(value) if reference else None
    if reference is None or mean is None:
        return "-"
    spread = reference.spreads.get(metric, {}).get(value)
    return f"{mean:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def scaled_down(records: Sequence[Record], experiment: Experiment) -> bool:
    """Whether the set-up of any record differs from the paper's profile."""
    return any(_differing(record.trial, experiment) for record in records)


def _differing(trial: Trial, experiment: Experiment) -> list[str]:
    """The settings that differ from the paper's profile, in words."""
    paper = {"data": experiment.paper_dataset, **experiment.profiles["paper"].settings}
    used = {"data": trial.dataset, **trial.params}
    return [
        f"{name.replace('_', ' ')} {_plain(used[name])} (paper profile: {_plain(paper[name])})"
        for name in paper
        if name in used and name not in MEASUREMENT and not _same(used[name], paper[name])
    ]


def _same(used: Any, paper: Any) -> bool:
    """Whether a trial's value is the paper's, or one of those that the paper's arms have."""
    several = isinstance(paper, list | tuple) and not isinstance(used, list | tuple)
    return used in paper if several else _plain(used) == _plain(paper)


def setting(trial: Trial, experiment: Experiment) -> str:
    """The line above every table: how a trial's set-up differs from the paper's profile."""
    differing = _differing(trial, experiment)
    if not differing:
        return "Settings of the paper profile."
    costs = experiment.profiles[trial.profile].costs
    scaled = f"NOT the paper's set-up, compare shapes only: {'; '.join(differing)}."
    return f"{scaled} What that costs: {costs}" if costs else scaled


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    return "none" if value is None else f"{value}"


def _power(power: float | None) -> str:
    return "" if power is None else f"; power {power:.0f} %"


def verdict_table(
    claims: Sequence[Claim],
    verdicts: Mapping[str, Verdict],
    fmt: str = "simple",
    width: int | None = None,
    powers: Mapping[str, float] | None = None,
) -> str:
    """The claims with their verdicts, and the figures from which the verdicts follow.

    Args:
        claims: the claims.
        verdicts: by claim.
        fmt: tabulate's name of the table format.
        width: the largest number of characters in a line of plain text, or None.
        powers: by claim, the power in %, if it is known.
    """
    breaks = "<br>" if fmt == "pipe" else "\n"
    rows = [
        (
            claim.id,
            claim.statement,
            verdicts[claim.id].label + _power((powers or {}).get(claim.id)),
            breaks.join(map(str, verdicts[claim.id].findings)),
        )
        for claim in claims
    ]
    says, verdict, measured = 32, None, 60
    if width is not None:
        verdict = len("not reproduced")  # conditions and power follow on more lines
        left = width - max(len(row[0]) for row in rows) - verdict - 6
        says = min(says, max(12, left // 3))
        measured = max(16, left - says)
    widths = None if fmt == "pipe" else [None, says, verdict, measured]
    return tabulate(rows, ("claim", "says", "verdict", "measured"), fmt, maxcolwidths=widths)
