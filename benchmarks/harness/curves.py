"""Learning curves: how much training it takes to reach an error."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.harness.spec import Record
from benchmarks.harness.views import converged


def cost_to_reach(record: Record, curve: str, target: float, cost: str) -> float:
    """The `cost` ("updates" or "seconds") at which `curve` is first at or below `target`."""
    spent = first_cost(record.curves, curve, target, cost)
    if spent is None:
        last = record.curves[curve][-1]
        raise ValueError(f"{curve} never reaches {target} in a curve that ends at {last}")
    return spent


def first_cost(
    curves: Mapping[str, Sequence[float]], curve: str, target: float, cost: str
) -> float | None:
    """The same for curves that are in no record; None if `curve` never is at or below `target`."""
    pairs = zip(curves[cost], curves[curve], strict=True)
    return next((spent for spent, value in pairs if value <= target), None)


def cost_ratios(
    records: Iterable[Record],
    curve: str,
    cost: str,
    slow: dict[str, float],
    fast: dict[str, float],
    **where: object,
) -> dict[int, float]:
    """The cost of the slow arm divided by that of the fast arm, to reach the same error.

    That error is the higher of the two final errors, which is the lowest that both arms reach.

    Args:
        records: records of any arms; the others are ignored.
        curve: the name of a curve of errors or losses.
        cost: the name of the curve that measures the cost: "updates" or "seconds".
        slow, fast: the parameters that select each of the two arms.
        **where: parameters that both arms have in common.

    Returns:
        The ratio by repetition, for the repetitions in which both arms have both curves. Trials
        that trained together as a population have no curve of seconds.
    """
    records = [record for record in records if {curve, cost} <= record.curves.keys()]
    slow_by, fast_by = (converged(records, **arm, **where) for arm in (slow, fast))
    ratios = {}
    for repetition in slow_by.keys() & fast_by.keys():
        pair = slow_by[repetition], fast_by[repetition]
        target = max(record.curves[curve][-1] for record in pair)
        spent = [cost_to_reach(record, curve, target, cost) for record in pair]
        ratios[repetition] = spent[0] / spent[1]
    return ratios
