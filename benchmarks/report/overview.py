"""All results together: the ledger in Markdown, and one HTML page that loads nothing."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tabulate import tabulate

from benchmarks.harness.env import ROOT
from benchmarks.harness.results import ledger, tables
from benchmarks.harness.results.ledger import Run
from benchmarks.harness.results.run_report import Report, environments, notes
from benchmarks.harness.views import Section

TEMPLATE = Path(__file__).with_suffix(".html")
ENVIRONMENT = ("device", "software", "platform", "days", "commits", "runs")
FIGURE = re.compile(r'(?<=src=")data:[^"]*(?=")')
PLAIN = " !$&'()*+,-./:;=?@[]^_`{|}~"  # needs no escape in an address within double quotes

Reports = Mapping[Run, Report]


def markdown(reports: Reports, results: Path) -> str:
    """The page of the results folder: the ledger, and links to all that lies in it."""
    entries = ledger.ledger(reports)
    experiments = {run[0]: report.experiment for run, report in reports.items()}
    listed = [f"- [{n}]({n}/README.md): {e.summary}" for n, e in experiments.items()]
    measured = [f"- [{title}]({link})" for title, link in measurements(reports, results)]
    found = "; ".join(f"{n} {verdict}" for verdict, n in ledger.counts(entries).items())
    guide = Path(os.path.relpath(ROOT / "docs" / "benchmarks.md", results)).as_posix()
    parts = [
        "# Results",
        "Generated from the records beside it by `python -m benchmarks.report`, as is "
        "[report.html](report.html), which has all tables and figures on one page: open it from "
        f"the disk. What the verdicts mean: [Experiments]({guide}#verdicts).",
        "## Claims",
        f"{found}; *not run* stands also where a unit test or a measurement, linked, speaks in "
        "place of stored runs.",
        ledger.markdown(entries, pages(reports, results)),
        "## Experiments" if listed else "",
        "\n".join(listed),
        "## Other measurements" if measured else "",
        "\n".join(measured),
        "## What it ran on" if reports else "",
        tabulate(environments(reports), ENVIRONMENT, "pipe") if reports else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def html(reports: Reports, results: Path) -> str:
    """The same as one page with all tables and figures.

    Figures are those in the results folder; where one is missing its place stays empty.

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
        environments=environments(reports),
    )


def without_figures(page: str) -> str:
    """What of a page follows from the records alone: figures differ with matplotlib's version."""
    return FIGURE.sub("", page)


def pages(reports: Reports, results: Path) -> dict[str, str]:
    """By module of `benchmarks`, the link from the results folder to what it wrote there."""
    experiments = {run[0]: f"{run[0]}/README.md" for run in reports}
    return {_module(link): link for _, link in measurements(reports, results)} | experiments


def measurements(reports: Reports, results: Path) -> list[tuple[str, str]]:
    """Titles and links of the pages in the results folder that no experiment's records gave."""
    experiments = {run[0] for run in reports}
    found = [path for path in results.glob("*.md") if path.name != "README.md"]
    found += [path for path in results.glob("*/README.md") if path.parent.name not in experiments]
    links = sorted(path.relative_to(results).as_posix() for path in found)
    return [(_title(results / link), link) for link in links]


def _title(page: Path) -> str:
    lines = page.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), page.stem)


def _module(link: str) -> str:
    return link.removesuffix("/README.md").removesuffix(".md")


def _experiments(reports: Reports, results: Path) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run, report in reports.items():
        summary = report.experiment.summary
        about = found.setdefault(run[0], {"name": run[0], "summary": summary, "runs": []})
        sections = [_section(section, results / run[0]) for section in report.sections]
        about["runs"].append({"anchor": _anchor(run), "sections": sections})
    return [*found.values()]


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
    """A drawing in its own address: a document apart, whose names cannot clash with others'."""
    drawing = figure.read_text(encoding="utf-8")
    return f"data:image/svg+xml,{quote(drawing[drawing.index('<svg') :], safe=PLAIN)}"


def _anchor(run: Run) -> str:
    return re.sub(r"\W+", "-", "-".join(map(str, run)).lower())
