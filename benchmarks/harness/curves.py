"""Learning curves: how much training it takes to reach an error."""

from collections.abc import Mapping, Sequence

from benchmarks.harness.spec import Record


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
