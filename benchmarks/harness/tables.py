"""Records as text: the result table, what was scaled down, and the verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from benchmarks.harness.claims import Verdict
from benchmarks.harness.spec import Claim, Params, Record
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import View, groups

MEASUREMENT = ("points", "curve_examples")  # settings that change what is seen, not what happens


def result_table(view: View, records: Sequence[Record], fmt: str = "simple") -> str:
    """One row for each value of the view's axis: means with 95 % intervals, n/c where diverged."""
    arms = groups(records, (view.axis,))
    reference = view.reference(records[0].trial.params)
    headers = [view.axis_title, *view.metrics.values(), "seeds"]
    published = list(reference.values) if reference else []
    headers += [f"paper: {view.metrics[name]}" for name in published]
    rows = []
    for (value,), arm in arms.items():
        row: list[Any] = [value, *(_cell(arm, metric) for metric in view.metrics), _seeds(arm)]
        row += [_published(reference, name, value) for name in published]
        rows.append(row)
    align = ["left", *["right"] * (len(headers) - 1)]
    return tabulate(rows, headers, tablefmt=fmt, colalign=align, disable_numparse=True)


def _cell(arm: Sequence[Record], metric: str) -> str:
    found = [record.metrics[metric] for record in arm if metric in record.metrics]
    lost = sum(record.status == "diverged" for record in arm)
    if lost == len(arm):
        return "n/c"
    return f"{mean_interval(found)}" + (f" (n/c {lost})" if lost else "")


def _seeds(arm: Sequence[Record]) -> str:
    return str(sum(record.done for record in arm))


def _published(reference: Any, metric: str, value: float) -> str:
    found = reference.values[metric].get(value)
    if found is None:
        return "-"
    spread = reference.spreads.get(metric, {}).get(value)
    return f"{found:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def scaled_down(params: Params, paper: Params) -> str:
    """Which settings differ from the paper's profile, for the line above every table."""
    differing = [
        f"{name.replace('_', ' ')} {_plain(params[name])} (paper: {_plain(paper[name])})"
        for name in paper
        if name in params and name not in MEASUREMENT and params[name] != paper[name]
    ]
    if not differing:
        return "Settings as in the paper."
    return "NOT the paper's set-up, compare shapes only: " + "; ".join(differing) + "."


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    return "none" if value is None else f"{value}"


def verdict_table(
    claims: Sequence[Claim], verdicts: Mapping[str, Verdict], fmt: str = "simple"
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
    widths = None if fmt == "pipe" else [None, 32, None, 60]
    return tabulate(rows, ("claim", "says", "verdict", "measured"), fmt, maxcolwidths=widths)
