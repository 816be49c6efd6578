"""Rebuilds tables, figures and the README's results from stored records. Needs no Keras.

`python -m benchmarks.report` writes

- `<results>/<experiment>/README.md` with the figures of each experiment;
- `<results>/README.md`, the ledger of all claims;
- `<results>/report.html`, all of these on one HTML page that needs no other file.

It also fills the result blocks of the Markdown files that `--pages` names. A block stands between
two lines such as

    <!-- results: mnist_dropout, MNIST, quick -->
    <!-- end of results -->
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import commands
from benchmarks.harness.env import ROOT
from benchmarks.harness.store import to_stderr
from benchmarks.report import overview, pages

SUMMARY = "rebuilds tables, figures, the ledger and the README's results from stored records"


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("report", __doc__)
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / "docs" / "results",
        metavar="DIR",
        help="the folder that was passed to experiments as --out; default: the project's "
        "docs/results",
    )
    parser.add_argument(
        "--pages",
        type=Path,
        nargs="*",
        default=[ROOT / "README.md"],
        metavar="FILE",
        help="Markdown files whose result blocks are filled, or none; default: the project's "
        "README.md",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list the pages that are not up to date, and exit with 1 if there are "
        "any",
    )
    arguments = parser.parse_args(argv)
    results = arguments.results
    try:
        if not results.is_dir():
            raise pages.PageError(f"--results must be a folder of records. Received: {results}")
        say = to_stderr if sys.stderr.isatty() or not arguments.check else _silent
        reports = pages.read(results, say)
        if not reports and not _is_new(results):
            raise pages.PageError(_nothing_in(results))
        texts = pages.pages(reports, results, arguments.pages)
        if arguments.check:
            page = {results / "report.html": overview.html(reports, results)}
            old = [*pages.stale(texts), *pages.stale(page, same=overview.without_figures)]
            for path in old:
                print(f"not up to date: {path}; run python -m benchmarks.report", file=sys.stderr)
            return int(bool(old))
        for number, ((name, *_), one) in enumerate(reports.items(), start=1):
            say(f"drawing {name}, run {number} of {len(reports)}")
            one.draw(results / name)
        # The page includes the figures, so they are drawn before.
        texts[results / "report.html"] = overview.html(reports, results)
    except ImportError as error:
        print(f"error: {error}. Install it with: pip install -e '.[bench]'", file=sys.stderr)
        return 2
    except (pages.PageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in pages.stale(texts):
        path.write_text(texts[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


def _is_new(results: Path) -> bool:
    """Whether a folder has no records: it is empty, or has pages without results only."""
    return all(path.suffix in (".md", ".html") for path in results.iterdir())


def _nothing_in(results: Path) -> str:
    alone = (results / "records").is_dir()
    hint = (
        " This is the folder of one experiment: use the folder that contains it." if alone else ""
    )
    return f"--results must be a folder with records of experiments. Received: {results}.{hint}"


def _silent(line: str) -> None:
    pass


if __name__ == "__main__":
    sys.exit(commands.run(main))
