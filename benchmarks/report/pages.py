"""Generates a page for each experiment, and fills the result blocks of documents."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.catalogue import experiments
from benchmarks.costs import verdicts
from benchmarks.harness.power import PAPER
from benchmarks.harness.results import run_report
from benchmarks.harness.results.ledger import Run
from benchmarks.harness.store import Store
from benchmarks.harness.views import arm
from benchmarks.report import overview

BEGIN, END = "<!-- results:", "<!-- end of results -->"
BLOCK = re.compile(
    rf"(?P<begin>{BEGIN} (?P<name>\w+), (?P<dataset>[^,\n]+), (?P<profile>\w+) -->\n)"
    rf"(?:(?!{BEGIN}).)*?(?P<end>{END})",
    re.DOTALL,
)


class PageError(ValueError):
    """A page cannot be generated. The message says why."""


Reports = dict[Run, run_report.Report]


def read(results: Path, notify: Callable[[str], object] = lambda line: None) -> Reports:
    """Reads all records under a folder, and makes a report of each run.

    A run is an experiment, data set, profile and base seed.

    Args:
        results: the folder.
        notify: called with one line for humans for each experiment that has records.
    """
    reports: Reports = {}
    powers = _powers(results)
    for experiment in experiments():
        records = [*Store(results / experiment.name).latest().values()]
        if records:
            notify(f"reading {experiment.name}: {len(records)} records")
        for run, of_run in run_report.by_run(experiment, records).items():
            known = powers if run[1] == verdicts.PROFILE else {}
            of_claims = {id_: known[name, id_] for name, id_ in known if name == experiment.name}
            reports[experiment.name, *run] = run_report.make(experiment, of_run, of_claims)
    return reports


def _powers(results: Path) -> dict[tuple[str, str], float]:
    """By experiment and claim, the power in % that `python -m benchmarks.costs.verdicts` stored."""
    records = [
        record
        for record in Store(results / verdicts.NAME).latest().values()
        if record.done and verdicts.EXPERIMENT.is_current(record.trial)
    ]
    return {
        (record.trial.params["experiment"], record.trial.params["claim"]): record.metrics[
            "reproduced"
        ]
        for record in arm(records, scenario=PAPER)
    }


def summary(name: str, reports: Reports) -> str:
    """The page of one experiment, with all its runs."""
    runs = [report.text("pipe", figures="") for run, report in reports.items() if run[0] == name]
    head = f"# {name}\n\nGenerated from the records beside it by `python -m benchmarks.report`."
    return "\n\n".join([head, *runs]) + "\n"


def fill(page: str, reports: Reports, figures: str) -> str:
    """Fills the result blocks of a Markdown page.

    Args:
        page: the Markdown text.
        reports: the reports that blocks may name. Blocks show base seed 0.
        figures: the path from the page to the results folder.

    Raises:
        PageError: if a block names a run without records, or is not well formed.
    """
    blocks = len(BLOCK.findall(page))
    if not page.count(BEGIN) == page.count(END) == blocks:
        raise PageError(
            f"Every result block needs a line `{BEGIN} EXPERIMENT, DATA SET, PROFILE -->` and, "
            f"after it, a line `{END}`. Received: {page.count(BEGIN)} beginnings, "
            f"{page.count(END)} ends, {blocks} whole blocks."
        )

    def filled(block: re.Match) -> str:
        run = (block["name"], block["dataset"], block["profile"], 0)
        if run not in reports:
            available = "; ".join(", ".join(map(str, known)) for known in reports) or "none"
            raise PageError(f"No records of the run {run[:3]}. Runs with records: {available}.")
        text = reports[run].text("pipe", figures=f"{figures}/{run[0]}/")
        return f"{block['begin']}\n{text}\n\n{block['end']}"

    return BLOCK.sub(filled, page)


def pages(reports: Reports, results: Path, documents: Sequence[Path]) -> dict[Path, str]:
    """All generated Markdown pages, by path."""
    texts = {
        results / name / "README.md": summary(name, reports)
        for name in dict.fromkeys(run[0] for run in reports)
    }
    for document in documents:
        figures = Path(os.path.relpath(results, document.parent)).as_posix()
        texts[document] = fill(document.read_text(encoding="utf-8"), reports, figures)
    texts[results / "README.md"] = overview.markdown(reports, results)
    return texts


def stale(texts: Mapping[Path, str], same: Callable[[str], str] = str) -> list[Path]:
    """The files that are missing or whose content is not as it should be.

    Args:
        texts: by path, the content that the file should have.
        same: applied to both contents before they are compared. By default they are compared
            unchanged.
    """
    return [
        path
        for path, text in texts.items()
        if not path.exists() or same(path.read_text(encoding="utf-8")) != same(text)
    ]
