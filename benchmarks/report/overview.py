"""All results together, as Markdown and as one HTML page that needs no other file.

Both begin with the ledger: the table of all claims with their verdicts.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tabulate import tabulate

from benchmarks.harness.env import ROOT
from benchmarks.harness.results import ledger, tables
from benchmarks.harness.results.ledger import Run
from benchmarks.harness.results.provenance import environments
from benchmarks.harness.results.run_report import Report, notes
from benchmarks.harness.spec import Record
from benchmarks.harness.views import Section

TEMPLATE = Path(__file__).with_suffix(".html")
ENVIRONMENT = ("device", "software", "platform", "days", "commits", "runs")
FIGURE = re.compile(r'(?<=src=")data:[^"]*(?=")')
# Characters that need no escape in a URL within double quotes.
PLAIN = " !$&'()*+,-./:;=?@[]^_`{|}~"

Reports = Mapping[Run, Report]


def markdown(reports: Reports, results: Path) -> str:
    """The README of the results folder: the ledger, and links to all other pages in the folder."""
    entries = ledger.ledger(reports)
    experiments = {run[0]: report.experiment for run, report in reports.items()}
    listed = [f"- [{n}]({n}/README.md): {e.summary}" for n, e in experiments.items()]
    measured = [f"- [{title}]({link})" for title, link in measurements(reports, results)]
    counts = "; ".join(f"{n} {verdict}" for verdict, n in ledger.counts(entries).items())
    guide = Path(os.path.relpath(ROOT / "docs" / "benchmarks.md", results)).as_posix()
    parts = [
        "# Results",
        "Generated from the records beside it by `python -m benchmarks.report`, as is "
        "[report.html](report.html), which has all tables and figures on one page: open it from "
        f"the disk. What the verdicts mean: [Experiments]({guide}#verdicts).",
        "## Claims",
        f"{counts}.",
        ledger.markdown(entries, pages(reports, results)),
        "## Experiments" if listed else "",
        "\n".join(listed),
        "## Other measurements" if measured else "",
        "\n".join(measured),
        "## What it ran on" if reports else "",
        tabulate(environments(_records(reports)), ENVIRONMENT, "pipe") if reports else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def html(reports: Reports, results: Path) -> str:
    """One HTML page with the ledger, all tables and all figures.

    The figures are read from the results folder. The place of a missing figure stays empty.

    Raises:
        ImportError: if jinja2 is not installed.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    entries = ledger.ledger(reports)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        entries=entries,
        counts=ledger.counts(entries),
        pages=pages(reports, results),
        anchors={run: _anchor(run) for run in reports},
        experiments=_experiments(reports, results),
        measurements=measurements(reports, results),
        environment_headers=ENVIRONMENT,
        environments=environments(_records(reports)),
    )


def without_figures(page: str) -> str:
    """A page without its figures, to compare pages.

    Figures depend on matplotlib's version as well as on records.
    """
    return FIGURE.sub("", page)


def pages(reports: Reports, results: Path) -> dict[str, str]:
    """Links from the results folder to the pages in it.

    The keys are the names of commands: `name` in `python -m benchmarks.name`.
    """
    experiments = {run[0]: f"{run[0]}/README.md" for run in reports}
    return {_module(link): link for _, link in measurements(reports, results)} | experiments


def measurements(reports: Reports, results: Path) -> list[tuple[str, str]]:
    """Titles and links of the pages in the results folder that do not belong to experiments."""
    experiments = {run[0] for run in reports}
    paths = [path for path in results.glob("*.md") if path.name != "README.md"]
    paths += [path for path in results.glob("*/README.md") if path.parent.name not in experiments]
    links = sorted(path.relative_to(results).as_posix() for path in paths)
    return [(_title(results / link), link) for link in links]


def _records(reports: Reports) -> Iterator[Record]:
    for report in reports.values():
        for section in report.sections:
            yield from section.records


def _title(page: Path) -> str:
    lines = page.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), page.stem)


def _module(link: str) -> str:
    return link.removesuffix("/README.md").removesuffix(".md")


def _experiments(reports: Reports, results: Path) -> list[dict[str, Any]]:
    by_name: dict[str, dict[str, Any]] = {}
    for run, report in reports.items():
        summary = report.experiment.summary
        about = by_name.setdefault(run[0], {"name": run[0], "summary": summary, "runs": []})
        sections = [_section(section, results / run[0]) for section in report.sections]
        about["runs"].append({"anchor": _anchor(run), "sections": sections})
    return [*by_name.values()]


def _section(section: Section, folder: Path) -> dict[str, Any]:
    headers, rows = tables.result_rows(section)
    figure = folder / f"{section.stem}.svg"
    return {
        "title": section.title,
        "setting": section.setting,
        "headers": headers,
        "rows": rows,
        "notes": notes(section),
        "figure": _inline(figure) if figure.exists() else "data:,",
    }


def _inline(figure: Path) -> str:
    """An SVG figure as a data URL.

    Browsers treat it as a separate document, so its ids cannot clash with those of other figures.
    """
    drawing = figure.read_text(encoding="utf-8")
    return f"data:image/svg+xml,{quote(drawing[drawing.index('<svg') :], safe=PLAIN)}"


def _anchor(run: Run) -> str:
    return re.sub(r"\W+", "-", "-".join(map(str, run)).lower())
