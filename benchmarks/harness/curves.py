"""What learning curves say: how much training an error costs."""

from collections.abc import Iterable

from benchmarks.harness.spec import Record
from benchmarks.harness.views import converged


def cost_to_reach(record: Record, curve: str, target: float, cost: str) -> float:
    """The `cost` curve ("updates" or "seconds") where `curve` first is at or below `target`."""
    for spent, value in zip(record.curves[cost], record.curves[curve], strict=True):
        if value <= target:
            return spent
    raise ValueError(f"{curve} never reaches {target} in a curve that ends at {value}")


def cost_ratios(
    records: Iterable[Record],
    curve: str,
    cost: str,
    slow: dict[str, float],
    fast: dict[str, float],
    **where: object,
) -> dict[int, float]:
    """How much more the slow arm spends than the fast one until both reach the same error.

    The error is the higher of the two final ones: the lowest that both do reach.

    Args:
        records: of any arms.
        curve: an error or loss by point.
        cost: "updates" or "seconds".
        slow, fast: the parameters that name the two arms.
        **where: parameters that both share.

    Returns:
        The ratio by repetition, where both arms have both curves (grouped runs have no seconds).
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
