"""The effects that a claim states: what an experiment's records would look like if it were true.

`power` draws synthetic records from them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.harness.spec import Params

Metrics = Mapping[str, float]
Curves = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Effects:
    """What an experiment's records would look like, if a claim were true or false.

    Args:
        expected: `(params, effect) -> metrics`, the mean over seeds of each metric of an arm.
            `effect` is 1 if the claim is true by its source's own effect (or by the smallest effect
            that the claim states), 0 if there is no effect, and -1 if it is the opposite.
        noise: metric -> standard deviation between seeds, within an arm; or `(params)` -> the same.
            Metrics that are not named have none.
        finish: `(params, metrics) -> (metrics, curves)`, applied to the metrics with their noise.
            It derives curves, or metrics that are not means. None (default): nothing to derive.
        source: where effect and noise come from, in one line.
    """

    expected: Callable[[Params, float], Metrics]
    noise: Metrics | Callable[[Params], Metrics] = field(default_factory=dict)
    finish: Callable[[Params, dict[str, float]], tuple[Metrics, Curves]] | None = None
    source: str = ""


def toward(effect: float, paper: float, bound: float) -> float:
    """The paper's value if `effect` is 1, the bound of what is claimed if 0, and beyond if -1."""
    return bound + effect * (paper - bound)
