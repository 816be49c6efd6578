"""A setting that is tuned for each arm: the value with the lowest mean of a metric over seeds."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.harness.spec import Record
from benchmarks.harness.views import arm, groups


def best(records: Sequence[Record], metric: str, name: str, **where: object) -> float | None:
    """The value of the parameter `name` with the lowest mean of `metric`.

    A value with which a run diverged is ruled out. None if all are, or there are no records.

    Args:
        records: of any arms.
        metric: such as "validation_loss".
        name: of the parameter that was tuned, such as "learning_rate".
        **where: parameters that name the arm.
    """
    means = {
        value: float(np.mean([record.metrics[metric] for record in found]))
        for (value,), found in groups(arm(records, **where), (name,)).items()
        if all(record.status == "ok" for record in found)
    }
    value = min(means, key=means.__getitem__, default=None)
    return value if value is not None and math.isfinite(means[value]) else None
