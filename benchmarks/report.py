"""Rebuild tables, figures and the README's results from stored records. Needs no Keras.

`python -m benchmarks.report` writes `<results>/<experiment>/README.md` with its figures, and fills
every block of the Markdown files given that stands between lines such as

    <!-- results: mnist_dropout, MNIST, quick -->
    <!-- end of results -->
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import experiments
from benchmarks.harness import report
from benchmarks.harness.store import Store

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- results:", "<!-- end of results -->"
BLOCK = re.compile(
    rf"(?P<begin>{BEGIN} (?P<name>\w+), (?P<dataset>[^,\n]+), (?P<profile>\w+) -->\n)"
    rf"(?:(?!{BEGIN}).)*?(?P<end>{END})",
    re.DOTALL,
)


class PageError(ValueError):
    """A page cannot be filled; the message says why."""


Reports = dict[tuple[str, str, str, int], report.Report]


def read(results: Path) -> Reports:
    """Reports by experiment, data set, profile and base seed, of all records under a folder."""
    return {
        (experiment.name, *run): report.make(experiment, records)
        for experiment in experiments()
        for run, records in report.by_run(
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
    return made


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results", metavar="DIR")
    parser.add_argument(
        "--pages", type=Path, nargs="*", default=[ROOT / "README.md"], metavar="FILE"
    )
    parser.add_argument(
        "--check", action="store_true", help="only tell which pages are not current"
    )
    arguments = parser.parse_args(argv)
    try:
        reports = read(arguments.results)
        made = pages(reports, arguments.results, arguments.pages)
    except (PageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    stale = [
        path
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if arguments.check:
        for path in stale:
            print(f"not current: {path}; run python -m benchmarks.report", file=sys.stderr)
        return int(bool(stale))
    for (name, *_), one in reports.items():
        one.draw(arguments.results / name)
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
