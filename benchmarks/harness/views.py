"""How records become a table and a figure: one row and one point for each value of a parameter."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.references import Reference
from benchmarks.harness.spec import Params, Record

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class View:
    """A table and a figure of one experiment.

    Args:
        axis: the parameter that rows and points differ in.
        axis_title: its name in words.
        metrics: record metrics and their titles; the first is the figure's.
        curves: record curves and their titles, drawn over updates.
        split_by: parameters for each combination of which there is a table and a figure.
        reference: `params -> Reference`, the published values for one such combination.
        series: parameters that tell apart the arms with one value of the axis: the lines and
            columns of a view that has its own `draw` and `table`.
        draw: `(section, figure) -> None`, draws on a `matplotlib.figure.Figure` in place of the
            standard panels.
        table: `(section) -> (headers, rows)`, in place of the standard table.
    """

    axis: str
    axis_title: str
    metrics: Mapping[str, str]
    curves: Mapping[str, str] = field(default_factory=dict)
    split_by: tuple[str, ...] = ()
    reference: Callable[[Params], Reference | None] = lambda params: None
    series: tuple[str, ...] = ()
    draw: Callable[["Section", Any], None] | None = None
    table: Callable[["Section"], "Table"] | None = None


@dataclass(frozen=True)
class Section:
    """One table and one figure: records of a view, cut by the view's `split_by`.

    Args:
        view: what to show of them.
        records: at least one, all of a result ("ok" or "diverged").
        title: names experiment, data set and profile.
        setting: how the set-up differs from the paper's.
        stem: of the figure's file names.
        reference: the published values, if there are any.
    """

    view: View
    records: Sequence[Record]
    title: str
    setting: str
    stem: str
    reference: Reference | None

    @property
    def curves(self) -> dict[str, str]:
        """The view's curves that the records hold: the paper's protocol has no validation set."""
        held = {name for record in self.records for name in record.curves}
        return {name: title for name, title in self.view.curves.items() if name in held}


def arm(records: Iterable[Record], **where: Any) -> list[Record]:
    """The records whose parameters equal `where`."""
    return [
        record
        for record in records
        if all(record.trial.params.get(name) == value for name, value in where.items())
    ]


def converged(records: Iterable[Record], **where: Any) -> dict[int, Record]:
    """By repetition, the converged records of the arm whose parameters equal `where`."""
    found = arm(records, **where)
    return {record.trial.repetition: record for record in found if record.status == "ok"}


def values(
    records: Iterable[Record], metric: str, diverged: float | None = None, **where: Any
) -> dict[int, float]:
    """By repetition, a metric of the arm whose parameters equal `where`.

    Args:
        records: of any arms.
        metric: the metric's name.
        diverged: what a run that diverged counts as, such as the error of guessing; by default it
            is left out.
        **where: parameters that name the arm.
    """
    found = {}
    for record in arm(records, **where):
        if record.status == "ok" and metric in record.metrics:
            found[record.trial.repetition] = record.metrics[metric]
        elif record.status == "diverged" and diverged is not None:
            found[record.trial.repetition] = diverged
    return found


def groups(
    records: Sequence[Record], names: Sequence[str], optional: bool = False
) -> dict[tuple[Any, ...], list[Record]]:
    """Records by the values of some parameters, sorted by them.

    Args:
        records: of any arms.
        names: of the parameters.
        optional: whether records may lack them. Those come first, with None.
    """
    found: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        params = record.trial.params
        values = [params.get(name) if optional else params[name] for name in names]
        found.setdefault(tuple(values), []).append(record)

    def order(item: tuple[tuple[Any, ...], list[Record]]) -> tuple[bool, list[Any]]:
        lacking = optional and None in item[0]
        return not lacking, [_sortable(value) for value in item[0]]

    return dict(sorted(found.items(), key=order))


def _sortable(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, and after them None and words."""
    number = isinstance(value, int | float)
    return not number, value if number else 0.0, str(value)
