"""Generated pages: a page for each experiment, and the result blocks of documents."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.catalogue import experiments
from benchmarks.harness.results import run_report
from benchmarks.harness.results.ledger import Run
from benchmarks.harness.store import Store
from benchmarks.report import overview

BEGIN, END = "<!-- results:", "<!-- end of results -->"
BLOCK = re.compile(
    rf"(?P<begin>{BEGIN} (?P<name>\w+), (?P<dataset>[^,\n]+), (?P<profile>\w+) -->\n)"
    rf"(?:(?!{BEGIN}).)*?(?P<end>{END})",
    re.DOTALL,
)


class PageError(ValueError):
    """A page cannot be filled; the message says why."""


Reports = dict[Run, run_report.Report]


def read(results: Path) -> Reports:
    """Reports by experiment, data set, profile and base seed, of all records under a folder."""
    return {
        (experiment.name, *run): run_report.make(experiment, records)
        for experiment in experiments()
        for run, records in run_report.by_run(
            experiment, [*Store(results / experiment.name).latest().values()]
        ).items()
    }


def summary(name: str, reports: Reports) -> str:
    """One experiment's page: all its runs."""
    runs = [made.text("pipe", figures="") for run, made in reports.items() if run[0] == name]
    head = f"# {name}\n\nGenerated from the records beside it by `python -m benchmarks.report`."
    return "\n\n".join([head, *runs]) + "\n"


def fill(page: str, reports: Reports, figures: str) -> str:
    """A Markdown page with its result blocks filled.

    Args:
        page: the Markdown text.
        reports: what blocks may name; they show base seed 0.
        figures: the path from the page to the results folder.

    Raises:
        PageError: if a block names a run without records, or is not well formed.
    """
    blocks = len(BLOCK.findall(page))
    if not page.count(BEGIN) == page.count(END) == blocks:
        raise PageError(
            f"Every result block wants a line `{BEGIN} EXPERIMENT, DATA SET, PROFILE -->` and, "
            f"after it, a line `{END}`. Received: {page.count(BEGIN)} beginnings, "
            f"{page.count(END)} ends, {blocks} whole blocks."
        )

    def block(found: re.Match) -> str:
        run = (found["name"], found["dataset"], found["profile"], 0)
        if run not in reports:
            have = "; ".join(", ".join(map(str, known)) for known in reports) or "none"
            raise PageError(f"No records of the run {run[:3]}. Runs with records: {have}.")
        text = reports[run].text("pipe", figures=f"{figures}/{run[0]}/")
        return f"{found['begin']}\n{text}\n\n{found['end']}"

    return BLOCK.sub(block, page)


def pages(reports: Reports, results: Path, documents: Sequence[Path]) -> dict[Path, str]:
    """All generated Markdown by path."""
    made = {
        results / name / "README.md": summary(name, reports)
        for name in dict.fromkeys(run[0] for run in reports)
    }
    for document in documents:
        figures = Path(os.path.relpath(results, document.parent)).as_posix()
        made[document] = fill(document.read_text(encoding="utf-8"), reports, figures)
    made[results / "README.md"] = overview.markdown(reports, results)
    return made


def stale(made: Mapping[Path, str], same: Callable[[str], str] = str) -> list[Path]:
    """Which files are missing or differ from what they should be in what `same` leaves of them."""
    return [
        path
        for path, text in made.items()
        if not path.exists() or same(path.read_text(encoding="utf-8")) != same(text)
    ]
