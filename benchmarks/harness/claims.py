"""Claims, findings and verdicts.

The rules for verdicts are in this file and in `benchmarks.harness.looks`:

- A finding is a mean over seeds, compared with the range that the claim states. It is reproduced
  if t tests show that the mean lies in the range, not reproduced if they show that it lies outside,
  and otherwise inconclusive. "No difference" is a range too: both ends are tested (TOST).
- All findings of one claim are corrected together by Holm's method, separately for "reproduced"
  and for "not reproduced".
- A claim is reproduced if all its findings are, and not reproduced if one is not.
- Conditions, such as a training error below a bound, come first: where one is not shown to hold,
  the claim is inconclusive.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.harness.effects import Effects
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import Interval, holm, p_inside, p_outside

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"

LEVEL = 0.025  # the chance of a false "reproduced", and that of a false "not reproduced"
FIRST_LOOK = 0.02  # what the planned look at the data spends of it; see `looks`


@dataclass(frozen=True)
class Finding:
    """One quantity measured for a claim, the range that the claim states, and a verdict.

    Args:
        what: the quantity, in words.
        unit: its unit, or "".
        interval: its mean over seeds.
        verdict: whether the mean lies in the range.
        low, high: the range.
        stated: whether the claim's source states the bounds of the range. Otherwise they are ours,
            and the finding says so. A bound of 0, which says only "more" or "less", needs no
            source.
        condition: what is wrong if it does not hold, such as "undertrained", if the finding is a
            condition for judging the claim. "" (default): it is a part of the claim.
    """

    what: str
    unit: str
    interval: Interval
    verdict: str
    low: float = -math.inf
    high: float = math.inf
    stated: bool = False
    condition: str = ""

    @property
    def claimed(self) -> str:
        """The range in words, such as "at least 2 (ours)"."""
        if self.low == self.high:
            words = f"exactly {self.low:g}"
        elif math.isfinite(self.low) and math.isfinite(self.high):
            words = f"{self.low:g} to {self.high:g}"
        elif math.isfinite(self.low):
            words = f"at least {self.low:g}"
        elif math.isfinite(self.high):
            words = f"at most {self.high:g}"
        else:
            return ""
        bounds = {bound for bound in (self.low, self.high) if math.isfinite(bound)}
        return words if self.stated or bounds == {0.0} else f"{words} (ours)"

    def __str__(self) -> str:
        if self.verdict == NOT_RUN:
            return f"{self.what}: not run"
        seeds = f"{self.interval.count} seed{'' if self.interval.count == 1 else 's'}"
        claimed = f"claimed: {self.claimed}; " if self.claimed else ""
        if self.condition:
            claimed = f"condition: {self.claimed}; "
        return f"{self.what}: {self.interval} {self.unit} ({claimed}{seeds}; {self.verdict})"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim, and the findings from which it follows.

    Args:
        verdict: "reproduced", "not reproduced", "inconclusive" or "not run".
        findings: conditions first.
        why: why it is inconclusive, such as "undertrained"; "" if the findings say it.
        notes: what limits the verdict, such as "at this recipe".
    """

    verdict: str
    findings: tuple[Finding, ...]
    why: str = ""
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The verdict with its reason and its limits, in one line."""
        reason = f": {self.why}" if self.why else ""
        limits = f" ({', '.join(self.notes)})" if self.notes else ""
        return f"{self.verdict}{reason}{limits}"

    def at(self, level: float) -> "Verdict":
        """The verdict from the same findings at another error level."""
        return decide(self.findings, level)

    def as_json(self) -> dict[str, Any]:
        """Return values that JSON can hold: `None` stands for numbers that are not finite.

        Such numbers are the bounds of a single seed, which has no interval, and open ends of the
        range that a claim states.
        """

        def finite(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "verdict": self.verdict,
            "why": self.why,
            "notes": list(self.notes),
            "findings": [
                {
                    "what": finding.what,
                    "unit": finding.unit,
                    "mean": finite(finding.interval.mean),
                    "low": finite(finding.interval.low),
                    "high": finite(finding.interval.high),
                    "seeds": finding.interval.count,
                    "claimed_low": finite(finding.low),
                    "claimed_high": finite(finding.high),
                    "condition": finding.condition,
                    "verdict": finding.verdict,
                }
                for finding in self.findings
            ],
        }


@dataclass(frozen=True)
class Claim:
    """A sentence of a lecture or a paper, and the predicate over records that judges it.

    Args:
        id: its name in `benchmarks/claims.toml`.
        statement: the claim, as precisely as it is judged.
        judge: `(records) -> Verdict`.
        effects: what the records would look like if the claim were true, and if it were false.
            They give the chance of each verdict beforehand.
    """

    id: str
    statement: str
    judge: Callable[[Sequence[Record]], Verdict]
    effects: Effects | None = None


def within(
    what: str,
    interval: Interval,
    unit: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    stated: bool = False,
) -> Finding:
    """Compare a quantity with the range [low, high] that the claim states.

    The verdict is that of this finding alone; `all_of` corrects it for the other findings of the
    claim. A single seed is inconclusive.

    Args:
        what: the quantity, in words.
        interval: its mean over seeds, with its confidence interval.
        unit: its unit, or "".
        low, high: the range; by default open.
        stated: whether the claim's source states the bounds; see `Finding`.
    """
    finding = Finding(what, unit, interval, INCONCLUSIVE, low, high, stated)
    return decide([finding], FIRST_LOOK).findings[0]


def all_of(findings: Sequence[Finding]) -> Verdict:
    """Combine findings: one that fails refutes the claim, and the claim holds if all of them do."""
    return decide(findings, FIRST_LOOK)


def provided(
    conditions: Sequence[Finding], findings: Sequence[Finding], why: str = "undertrained"
) -> Verdict:
    """A claim about runs that must meet conditions, such as a training error below a bound.

    Where a condition is not shown to hold, the claim is inconclusive, whatever else was measured.

    Args:
        conditions: what must hold.
        findings: what is claimed.
        why: what is wrong with runs that do not meet the conditions, in a word or two.
    """
    marked = [replace(one, condition=one.condition or why) for one in conditions]
    return decide([*marked, *findings], FIRST_LOOK)


def decide(findings: Sequence[Finding], level: float) -> Verdict:
    """The verdict from findings, at an error level.

    Args:
        findings: conditions and parts of a claim. Their verdicts are computed anew.
        level: the chance of a false "reproduced", and that of a false "not reproduced".
    """
    inside, outside = _corrected(findings, p_inside), _corrected(findings, p_outside)

    def judged(finding: Finding, p_in: float, p_out: float) -> Finding:
        if finding.interval.count == 0:
            return replace(finding, verdict=NOT_RUN)
        if p_in <= level:
            return replace(finding, verdict=REPRODUCED)
        if p_out <= level and not finding.condition:
            return replace(finding, verdict=NOT_REPRODUCED)
        return replace(finding, verdict=INCONCLUSIVE)

    found = tuple(map(judged, findings, inside, outside))
    conditions = [finding for finding in found if finding.condition]
    if any(finding.verdict == NOT_RUN for finding in conditions):
        return Verdict(NOT_RUN, found)
    for finding in conditions:
        if finding.verdict == INCONCLUSIVE:
            return Verdict(INCONCLUSIVE, found, why=finding.condition)
    verdicts = [finding.verdict for finding in found if not finding.condition]
    for decisive in (NOT_REPRODUCED, NOT_RUN, INCONCLUSIVE):
        if decisive in verdicts:
            return Verdict(decisive, found)
    return Verdict(REPRODUCED if verdicts else NOT_RUN, found)


def _corrected(
    findings: Sequence[Finding], test: Callable[[Interval, float, float], float]
) -> list[float]:
    """Each finding's p-value. Those of the parts of the claim that were run are Holm's."""
    p_values = [test(finding.interval, finding.low, finding.high) for finding in findings]
    parts = [
        place
        for place, finding in enumerate(findings)
        if finding.interval.count and not finding.condition
    ]
    for place, p_value in zip(parts, holm([p_values[place] for place in parts]), strict=True):
        p_values[place] = p_value
    return p_values
