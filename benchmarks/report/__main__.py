"""Rebuild tables, figures and the README's results from stored records. Needs no Keras.

`python -m benchmarks.report` writes `<results>/<experiment>/README.md` with its figures, the ledger
of all claims as `<results>/README.md`, and all of it as one HTML page that loads nothing,
`<results>/report.html`. It also fills every block of the Markdown files given that stands between
lines such as

    <!-- results: mnist_dropout, MNIST, quick -->
    <!-- end of results -->
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import commands
from benchmarks.harness.env import ROOT
from benchmarks.report import overview, pages

SUMMARY = "rebuilds tables, figures, the ledger and the README's results from stored records"


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("report", __doc__)
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
            raise pages.PageError(f"--results must be a folder of records. Received: {results}")
        reports = pages.read(results)
        made = pages.pages(reports, results, arguments.pages)
        if arguments.check:
            page = {results / "report.html": overview.html(reports, results)}
            old = [*pages.stale(made), *pages.stale(page, same=overview.without_figures)]
            for path in old:
                print(f"not current: {path}; run python -m benchmarks.report", file=sys.stderr)
            return int(bool(old))
        for (name, *_), one in reports.items():
            one.draw(results / name)
        made[results / "report.html"] = overview.html(reports, results)  # with the figures drawn
    except ImportError as error:
        print(f"error: {error}. Install it with: pip install -e '.[bench]'", file=sys.stderr)
        return 2
    except (pages.PageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in pages.stale(made):
        path.write_text(made[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
