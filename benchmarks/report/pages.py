"""Rebuild tables, figures and the README's results from stored records. Needs no Keras.

`python -m benchmarks.report` writes `<results>/<experiment>/README.md` with its figures, the ledger
of all claims as `<results>/README.md`, and all of it as one HTML page that loads nothing,
`<results>/report.html`. It also fills every block of the Markdown files given that stands between
lines such as

    <!-- results: mnist_dropout, MNIST, quick -->
    <!-- end of results -->
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import overview
from benchmarks.catalogue import experiments
from benchmarks.harness import report
from benchmarks.harness.env import ROOT
from benchmarks.harness.ledger import Run
from benchmarks.harness.store import Store

BEGIN, END = "<!-- results:", "<!-- end of results -->"
BLOCK = re.compile(
    rf"(?P<begin>{BEGIN} (?P<name>\w+), (?P<dataset>[^,\n]+), (?P<profile>\w+) -->\n)"
    rf"(?:(?!{BEGIN}).)*?(?P<end>{END})",
    re.DOTALL,
)


class PageError(ValueError):
    """A page cannot be filled; the message says why."""


Reports = dict[Run, report.Report]


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
    made[results / "README.md"] = overview.markdown(reports, results)
    return made


def stale(made: Mapping[Path, str], same: Callable[[str], str] = str) -> list[Path]:
    """Which files are missing or differ from what they should be in what `same` leaves of them."""
    return [
        path
        for path, text in made.items()
        if not path.exists() or same(path.read_text(encoding="utf-8")) != same(text)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / "docs" / "results",
        metavar="DIR",
        help="what experiments got as --out; default docs/results of the project",
    )
    parser.add_argument(
        "--pages",
        type=Path,
        nargs="*",
        default=[ROOT / "README.md"],
        metavar="FILE",
        help="Markdown files whose blocks are filled; default the project's README.md; may be none",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; tell which pages are not current, and exit with 1 if any is not",
    )
    arguments = parser.parse_args(argv)
    results = arguments.results
    try:
        if not results.is_dir():
            raise PageError(f"--results must be a folder of records. Received: {results}")
        reports = read(results)
        made = pages(reports, results, arguments.pages)
        if arguments.check:
            page = {results / "report.html": overview.html(reports, results)}
            old = [*stale(made), *stale(page, same=overview.without_figures)]
            for path in old:
                print(f"not current: {path}; run python -m benchmarks.report", file=sys.stderr)
            return int(bool(old))
        for (name, *_), one in reports.items():
            one.draw(results / name)
        made[results / "report.html"] = overview.html(reports, results)  # with the figures drawn
    except ImportError as error:
        print(f"error: {error}. Install it with: pip install -e '.[bench]'", file=sys.stderr)
        return 2
    except (PageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in stale(made):
        path.write_text(made[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
