"""Views: each is a table and a figure with a row and a point for each value of a parameter."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness import guessing
from benchmarks.harness.references import Reference
from benchmarks.harness.spec import Params, Record

GUESSING = guessing.error_of  # used for runs that diverged
Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class View:
    """A table and a figure of one experiment.

    Args:
        axis: the parameter in which rows and points differ.
        axis_title: the title of the axis.
        metrics: metrics of the records and their titles. The figure shows the first one.
        curves: curves of the records and their titles. They are drawn over updates.
        split_by: parameters. Each combination of their values has a separate table and figure.
        reference: `params -> Reference`, the published values for such a combination.
        series: parameters in which arms with the same value of the axis differ, as the lines of a
            figure do. A view with series needs `draw` and `table`.
        draw: `(section, figure) -> None`, draws on a `matplotlib.figure.Figure`. None (default):
            the standard panels.
        table: `(section) -> (headers, rows)`. None (default): the standard table.
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
    """One table and one figure of a view, for one combination of the parameters in `split_by`.

    Args:
        view: the view.
        records: at least one; all have the status "ok" or "diverged".
        title: names the experiment, data set and profile.
        setting: how the set-up differs from the paper's.
        stem: the figure's file name without suffix.
        reference: the published values, or None.
        committed: the number of seeds that the profile states; there may be more.
    """

    view: View
    records: Sequence[Record]
    title: str
    setting: str
    stem: str
    reference: Reference | None
    committed: int = 1

    @property
    def metrics(self) -> dict[str, str]:
        """The view's metrics that the records have; all metrics if every run diverged."""
        recorded = {name for record in self.records for name in record.metrics}
        return {
            name: title
            for name, title in self.view.metrics.items()
            if name in recorded or not recorded
        }

    @property
    def curves(self) -> dict[str, str]:
        """The view's curves that the records have. Without validation data, some are missing."""
        recorded = {name for record in self.records for name in record.curves}
        return {name: title for name, title in self.view.curves.items() if name in recorded}


def arm(records: Iterable[Record], **where: Any) -> list[Record]:
    """The records whose parameters have the values in `where`."""
    chosen = [*records]
    for name, value in where.items():
        chosen = [record for record in chosen if record.trial.params.get(name) == value]
    return chosen


def converged(records: Iterable[Record], **where: Any) -> dict[int, Record]:
    """By repetition, the records of one arm (see `arm`) that converged."""
    chosen = arm(records, **where)
    return {record.trial.repetition: record for record in chosen if record.status == "ok"}


def values(
    records: Iterable[Record],
    metric: str,
    diverged: float | Callable[[Record], float] | None = None,
    **where: Any,
) -> dict[int, float]:
    """By repetition, the values of a metric in one arm.

    Args:
        records: records of any arms.
        metric: the metric's name.
        diverged: the value used for runs that diverged, or a function of the record, such as
            `GUESSING`. None (default): these runs are left out.
        **where: the parameters that select the arm.
    """
    by_repetition = {}
    for record in arm(records, **where):
        if record.status == "ok" and metric in record.metrics:
            by_repetition[record.trial.repetition] = record.metrics[metric]
        elif record.status == "diverged" and diverged is not None:
            value = diverged(record) if callable(diverged) else diverged
            by_repetition[record.trial.repetition] = value
    return by_repetition


def groups(
    records: Sequence[Record], names: Sequence[str], optional: bool = False
) -> dict[tuple[Any, ...], list[Record]]:
    """Groups records by the values of some parameters, and sorts the groups by these values.

    Args:
        records: records of any arms.
        names: the names of the parameters.
        optional: whether records may lack parameters. Missing ones have the value None, and groups
            with None come first.
    """
    by_values: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        params = record.trial.params
        values = [params.get(name) if optional else params[name] for name in names]
        by_values.setdefault(tuple(values), []).append(record)

    def order(item: tuple[tuple[Any, ...], list[Record]]) -> tuple[bool, list[Any]]:
        lacking = optional and None in item[0]
        return not lacking, [_sortable(value) for value in item[0]]

    return dict(sorted(by_values.items(), key=order))


def _sortable(value: Any) -> tuple[bool, float, str]:
    """A sort key: numbers by size come before None and strings."""
    number = isinstance(value, int | float)
    return not number, value if number else 0.0, str(value)
