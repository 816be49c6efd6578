"""Verdicts from the seeds that a profile commits, and from further seeds.

A profile states its number of seeds before they are run. Whoever adds seeds because the result did
not please looks a second time. Looks are therefore planned: at the committed number of seeds, at
twice that number, at four times, and so on. The first look may err with a chance of 2 %, each
further look with a fifth of the chance of the one before. All looks together err with a chance of
at most 2.5 %. The first look that decides gives the verdict, and runs beyond it are not judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.harness.claims import (
    FIRST_LOOK,
    INCONCLUSIVE,
    LEVEL,
    NOT_REPRODUCED,
    REPRODUCED,
    Claim,
    Verdict,
)
from benchmarks.harness.spec import Record

DECIDED = (REPRODUCED, NOT_REPRODUCED)
NAMES = {2: "second look", 3: "third look"}


def level(look: int) -> float:
    """The error level of a look, counted from 1. The levels of all looks add up to `LEVEL`."""
    return FIRST_LOOK * (1 - FIRST_LOOK / LEVEL) ** (look - 1)


def judge(claim: Claim, records: Sequence[Record], committed: int) -> Verdict:
    """Judge a claim by the rules above.

    Args:
        claim: the claim.
        records: records of one profile, data set and base seed.
        committed: the number of seeds that the profile states.
    """
    run = 1 + max((record.trial.repetition for record in records), default=-1)
    if run < committed:
        return _early(claim.judge(records), run, committed)
    verdict = claim.judge([])
    for look, size in _looks(committed, run):
        seen = [record for record in records if record.trial.repetition < size]
        verdict = claim.judge(seen).at(level(look))
        notes = [f"{NAMES.get(look, f'look {look}')}: {committed} seeds committed"] * (look > 1)
        if run > size:
            notes.append(f"{run - size} further seeds not judged")
        verdict = replace(verdict, notes=tuple(notes))
        if verdict.verdict in DECIDED:
            break
    return verdict


def _looks(committed: int, run: int) -> Iterator[tuple[int, int]]:
    """The number of each look, and the number of seeds that it sees."""
    look, size = 1, committed
    while size <= run:
        yield look, size
        look, size = look + 1, 2 * size


def _early(verdict: Verdict, run: int, committed: int) -> Verdict:
    """A verdict from fewer seeds than committed decides nothing."""
    if verdict.verdict not in DECIDED:
        return verdict
    return replace(verdict, verdict=INCONCLUSIVE, why=f"{run} of {committed} seeds")
