"""The settings of an arm that err least on validation images, and what they give."""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.spec import Record
from benchmarks.harness.tuning import best
from benchmarks.harness.views import GUESSING, arm, values
from benchmarks.regularizers.arms import NONE, STOPPED, TUNED

CRITERION = "patience"  # of the arm "early stopping" beside others; fixed beforehand


def chosen(
    records: Sequence[Record], name: str, metric: str, criterion: str = CRITERION
) -> dict[int, float]:
    """By repetition, a metric of an arm with the settings that were chosen for it."""
    prefix = f"{criterion}_" if name == STOPPED else ""
    of = NONE if name == STOPPED else name
    place = best(records, "candidate", f"{prefix}validation_error", arm=of).value
    worst = GUESSING if metric == "test_error" else None
    return values(records, f"{prefix}{metric}", worst, arm=of, candidate=place)


def chosen_candidate(records: Sequence[Record], name: str, **where: Any) -> Any:
    """The trial with the lowest mean validation error of an arm; None without records."""
    return best(records, "candidate", arm=name, **where).value


def settings(records: Sequence[Record], name: str, candidate: Any) -> str:
    """The settings of a trial in words, such as "learning rate 0.1, rate 0.5"."""
    found = arm(records, arm=name, candidate=candidate)
    if not found:
        return "-"
    params = found[0].trial.params
    words = [f"{one.replace('_', ' ')} {params[one]:g}" for one in TUNED if one in params]
    return ", ".join(words)
