"""Verdicts: computed from intervals, never typed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.harness.spec import Record
from benchmarks.harness.stats import Interval

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Finding:
    """One measured quantity of a claim, and what it says."""

    what: str
    unit: str
    interval: Interval
    verdict: str

    def __str__(self) -> str:
        if self.verdict == NOT_RUN:
            return f"{self.what}: not run"
        seeds = f"{self.interval.count} seed{'' if self.interval.count == 1 else 's'}"
        return f"{self.what}: {self.interval} {self.unit} ({seeds}; {self.verdict})"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim, with the findings that it follows from."""

    verdict: str
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, `None` for a bound that a single seed does not give."""

        def plain(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "verdict": self.verdict,
            "findings": [
                {
                    "what": finding.what,
                    "unit": finding.unit,
                    "mean": plain(finding.interval.mean),
                    "low": plain(finding.interval.low),
                    "high": plain(finding.interval.high),
                    "seeds": finding.interval.count,
                    "verdict": finding.verdict,
                }
                for finding in self.findings
            ],
        }


@dataclass(frozen=True)
class Claim:
    """A sentence of a lecture or a paper, and the predicate over records that judges it."""

    id: str
    statement: str
    judge: Callable[[Sequence[Record]], Verdict]


def within(
    what: str, interval: Interval, unit: str, low: float = -math.inf, high: float = math.inf
) -> Finding:
    """Whether a quantity lies in [low, high], as the claim says.

    Reproduced if its whole interval does, not reproduced if none of it does, else inconclusive; so
    too with one seed, which has no interval.
    """
    if interval.count == 0:
        verdict = NOT_RUN
    elif math.isnan(interval.half):
        verdict = INCONCLUSIVE
    elif low <= interval.low and interval.high <= high:
        verdict = REPRODUCED
    elif interval.high < low or interval.low > high:
        verdict = NOT_REPRODUCED
    else:
        verdict = INCONCLUSIVE
    return Finding(what, unit, interval, verdict)


def all_of(findings: Sequence[Finding]) -> Verdict:
    """A claim of several parts: one that fails refutes it, and all must hold to reproduce it."""
    verdicts = [finding.verdict for finding in findings]
    for decisive in (NOT_REPRODUCED, NOT_RUN, INCONCLUSIVE):
        if decisive in verdicts:
            return Verdict(decisive, tuple(findings))
    return Verdict(REPRODUCED if verdicts else NOT_RUN, tuple(findings))


def provided(conditions: Sequence[Finding], findings: Sequence[Finding]) -> Verdict:
    """A claim about runs that must meet conditions, such as a training error below a bound.

    Where a condition is not shown to hold, the claim is inconclusive, whatever else was measured.
    """
    judged = all_of(findings)
    checked = [
        replace(one, verdict=INCONCLUSIVE) if one.verdict == NOT_REPRODUCED else one
        for one in conditions
    ]
    unmet = all_of(checked).verdict
    verdict = judged.verdict if unmet == REPRODUCED else unmet
    return Verdict(verdict, (*checked, *judged.findings))
