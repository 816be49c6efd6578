"""The ledger: every claim with the measured figures and the verdict."""

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
        id: the claim's id.
        says: the claim, as precisely as it is judged.
        measured_as: what has to be measured, in words.
        by: the names of the experiments that measure it.
        verdict: one of `VERDICTS`.
        label: the verdict with its reason and its limits.
        power: the % of synthetic record sets with the paper's own effect that would be judged
            reproduced; None if it is not known for the profile.
        findings: the findings from which the verdict follows; empty if nothing was run.
        run: the run on which the claim was judged, or None.
    """

    id: str
    says: str
    measured_as: str
    by: tuple[str, ...]
    verdict: str = NOT_RUN
    findings: tuple[Finding, ...] = ()
    run: Run | None = None
    label: str = NOT_RUN
    power: float | None = None

    @property
    def seeds(self) -> str:
        """The number of seeds of the findings, or its smallest and largest value, such as "3-5"."""
        counts = sorted({finding.interval.count for finding in self.findings}) or [0]
        return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"


def claims(file: Path = ROOT / "benchmarks" / "claims.toml") -> list[Entry]:
    """One entry for each listed claim, with the verdict "not run"."""
    with file.open("rb") as stream:
        listed = tomllib.load(stream)
    return [Entry(id_, **{**claim, "by": tuple(claim["by"])}) for id_, claim in listed.items()]


def ledger(reports: Mapping[Run, Report]) -> list[Entry]:
    """One entry for each claim and run, then one for each listed claim that was never run.

    Both parts follow the order of the list. Claims that are not in the list come last.
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
            yield Entry(
                claim.id,
                claim.statement,
                measured_as.get(claim.id, ""),
                (run[0],),
                verdict.verdict,
                verdict.findings,
                run,
                verdict.label,
                report.powers.get(claim.id),
            )


def counts(entries: list[Entry]) -> dict[str, int]:
    """The number of entries with each verdict."""
    verdicts = [entry.verdict for entry in entries]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def markdown(entries: list[Entry], pages: Mapping[str, str]) -> str:
    """The ledger as a table.

    Args:
        entries: the lines of the table.
        pages: links to pages of results, by the name of the command in `benchmarks`.
    """
    rows = []
    for entry in entries:
        by = ", ".join(f"[{name}]({pages[name]})" if name in pages else name for name in entry.by)
        measured = "<br>".join(map(str, entry.findings)) or f"to measure: {entry.measured_as}"
        where = entry.run[1:3] if entry.run else ("", "")
        power = "" if entry.power is None else f"{entry.power:.0f} %"
        rows.append((entry.id, entry.says, entry.label, measured, entry.seeds, power, *where, by))
    names = "claim, says, verdict, measured, seeds, power, data set, profile, by"
    return tabulate(rows, names.split(", "), "pipe", disable_numparse=True)
