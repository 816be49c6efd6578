"""Claims, and verdicts that are computed from confidence intervals."""

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
    """One quantity measured for a claim, and the verdict that its interval gives."""

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
    """The verdict on a claim, and the findings from which it follows."""

    verdict: str
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """Return values that JSON can hold: `None` stands for numbers that are not finite.

        Such numbers are the bounds of a single seed, which has no interval.
        """

        def finite(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "verdict": self.verdict,
            "findings": [
                {
                    "what": finding.what,
                    "unit": finding.unit,
                    "mean": finite(finding.interval.mean),
                    "low": finite(finding.interval.low),
                    "high": finite(finding.interval.high),
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
    """Compare a quantity with the range [low, high] that the claim states.

    The finding is reproduced if the whole interval lies in the range, not reproduced if all of the
    interval lies outside it, and inconclusive otherwise. A single seed has no interval, so it is
    inconclusive.
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
    """Combine findings: one that fails refutes the claim, and the claim holds if all of them do."""
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
