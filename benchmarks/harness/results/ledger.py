"""The ledger: every claim, what was measured of it, and the verdict."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from benchmarks.harness.claims import INCONCLUSIVE, NOT_REPRODUCED, NOT_RUN, REPRODUCED, Finding
from benchmarks.harness.env import ROOT
from benchmarks.harness.results.run_report import Report

VERDICTS = (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, NOT_RUN)
Run = tuple[str, str, str, int]  # experiment, data set, profile, base seed


@dataclass(frozen=True)
class Entry:
    """One line of the ledger: a claim, judged on one run.

    Args:
        id: the claim's.
        says: the claim, as precisely as it is judged.
        measured_as: what has to be measured, in words.
        by: what measures it: names of experiments, or "unit test".
        verdict: one of `VERDICTS`.
        findings: what the verdict follows from; none where nothing was run.
        run: where it was measured, or None.
    """

    id: str
    says: str
    measured_as: str
    by: tuple[str, ...]
    verdict: str = NOT_RUN
    findings: tuple[Finding, ...] = ()
    run: Run | None = None

    @property
    def seeds(self) -> str:
        """How many seeds the findings have: a number, or the fewest and the most."""
        counts = sorted({finding.interval.count for finding in self.findings}) or [0]
        return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"


def claims(file: Path = ROOT / "benchmarks" / "claims.toml") -> list[Entry]:
    """All claims there are to measure, none of them run."""
    with file.open("rb") as stream:
        listed = tomllib.load(stream)
    return [Entry(id_, **{**told, "by": tuple(told["by"])}) for id_, told in listed.items()]


def ledger(reports: Mapping[Run, Report]) -> list[Entry]:
    """A line for each claim and run, then one for each claim of the list that no run is on.

    Both parts are in the order of the list; claims that are not in it come last.
    """
    listed = claims()
    judged = [entry for run, report in reports.items() for entry in _judged(run, report, listed)]
    order = list(dict.fromkeys([entry.id for entry in (*listed, *judged)]))
    run = {entry.id for entry in judged}
    others = [entry for entry in listed if entry.id not in run]
    return [*sorted(judged, key=lambda entry: order.index(entry.id)), *others]


def _judged(run: Run, report: Report, listed: list[Entry]) -> Iterator[Entry]:
    measured_as = {entry.id: entry.measured_as for entry in listed}
    for claim in report.experiment.claims:
        if claim.id in report.verdicts:
            verdict = report.verdicts[claim.id]
            told = measured_as.get(claim.id, "")
            by = (run[0],)
            yield Entry(claim.id, claim.statement, told, by, verdict.verdict, verdict.findings, run)


def counts(entries: list[Entry]) -> dict[str, int]:
    """How many lines have each verdict."""
    found = [entry.verdict for entry in entries]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def markdown(entries: list[Entry], pages: Mapping[str, str]) -> str:
    """The ledger as a table.

    Args:
        entries: its lines.
        pages: by module of `benchmarks`, the link to its results.
    """
    rows = []
    for entry in entries:
        by = ", ".join(f"[{name}]({pages[name]})" if name in pages else name for name in entry.by)
        measured = "<br>".join(map(str, entry.findings)) or f"to measure: {entry.measured_as}"
        where = entry.run[1:3] if entry.run else ("", "")
        rows.append((entry.id, entry.says, entry.verdict, measured, entry.seeds, *where, by))
    headers = ("claim", "says", "verdict", "measured", "seeds", "data set", "profile", "by")
    return tabulate(rows, headers, "pipe", disable_numparse=True)
