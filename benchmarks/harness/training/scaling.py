"""Predicts from measured groups how long a sweep takes on several machines."""

import heapq
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness.data import Dataset
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.records import encode
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.training.executors import ON_CPU, ON_GPU
from benchmarks.harness.training.grouping import groups, share


@dataclass(frozen=True)
class Pace:
    """The speed of groups of one profile on one device, as medians over measured groups.

    Args:
        device: the name of the device.
        gpu: whether it is a GPU or TPU.
        profile: the profile of the measured groups.
        count: the number of measured groups.
        startup: seconds that a group takes besides its updates. Most of them are compilation.
        step: seconds of one update of one trial in a group.
        record: bytes of one record.
    """

    device: str
    gpu: bool
    profile: str
    count: int
    startup: float
    step: float
    record: float

    @property
    def sentence(self) -> str:
        groups = f"{self.count} measured group{'s' * (self.count != 1)}"
        return (
            f"Predicted from {groups} of profile {self.profile} on {self.device}: "
            f"{self.startup:.3g} s of start-up, then {1000 * self.step:.3g} ms for one update of "
            "one trial, in groups of any size."
        )

    def seconds(self, group: Sequence[Trial]) -> float:
        return self.startup + self.step * sum(_updates(trial.params) for trial in group)


def pace(records: Iterable[Record], profile: str) -> Pace | None:
    """The pace of the groups that left these records; None if no group was timed.

    Groups of the profile itself count, on the device that trained most trials. If it was never run,
    the profile with the most updates counts: its steps are assumed to take the same time.

    Args:
        records: records of one experiment.
        profile: the profile to predict.
    """
    kinds: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.done and "point_s" in record.times and _updates(record.trial.params):
            device = record.environment.get("device", "an unknown device")
            kinds.setdefault((record.trial.profile, device), []).append(record)
    if not kinds:
        return None
    name, device = kind = max(
        kinds,
        key=lambda kind: (
            kind[0] == profile,
            max(_updates(record.trial.params) for record in kinds[kind]),
            len(kinds[kind]),
        ),
    )
    timed: dict[tuple[float, float], Record] = {}  # the records of a group have equal times
    for record in kinds[kind]:
        timed[record.times["point_s"], record.times["startup_s"]] = record
    return Pace(
        device,
        any(record.environment.get("gpu") for record in kinds[kind]),
        name,
        len(timed),
        startup=statistics.median(startup for _, startup in timed),
        step=statistics.median(
            seconds
            * record.trial.params["points"]
            / _updates(record.trial.params)
            / record.environment.get("members", 1)
            for (seconds, _), record in timed.items()
        ),
        record=statistics.median(len(encode(record)) for record in kinds[kind]),
    )


@dataclass(frozen=True)
class Prediction:
    """How long trials take on several numbers of machines.

    Args:
        about: a sentence that says what was measured and what is assumed.
        rows: by column, the values for one number of nodes.
    """

    about: str
    rows: Sequence[Mapping[str, float]]


def predict(
    experiment: Experiment,
    trials: Sequence[Trial],
    records: Iterable[Record],
    nodes: Sequence[int],
    dataset: Dataset,
) -> Prediction:
    """Predict the duration of trials on several numbers of nodes.

    A node trains one group at a time, and receives the data set once.

    Args:
        experiment: the experiment.
        trials: the trials to train.
        records: records of the experiment, from which the speed of a node is taken.
        nodes: the numbers of nodes.
        dataset: the data set of the trials.
    """
    if not trials:
        return Prediction("No prediction: nothing is left to run.", [])
    measured = pace(records, trials[0].profile)
    if measured is None:
        return Prediction("No prediction: no group in the results folder was timed.", [])
    limits = ON_GPU if measured.gpu else ON_CPU
    arrays = ("x_train", "y_train", "x_test", "y_test")  # a measurement may have none of them
    size = sum(getattr(getattr(dataset, name, None), "nbytes", 0) for name in arrays)
    rows = []
    for count in nodes:
        parts = [*groups(experiment, trials, *share(limits, len(trials), count))]
        makespan, busy = _placed([measured.seconds(group) for group in parts], count)
        row = {
            "nodes": count,
            "groups": len(parts),
            "hours": makespan / 3600,
            "idle %": 100 * (1 - busy / (count * makespan)),
            "GB moved": (size * min(count, len(parts)) + measured.record * len(trials)) / 1e9,
        }
        rows.append({name: float(f"{value:.3g}") for name, value in row.items()})
    return Prediction(measured.sentence, rows)


def _placed(seconds: Sequence[float], nodes: int) -> tuple[float, float]:
    """The time until all groups are finished, and the sum of their times.

    The next group goes to the node that is free first, as Ray does it.
    """
    free = [0.0] * min(nodes, len(seconds))
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free), math.fsum(seconds)


def _updates(params: Params) -> int:
    return params.get("updates", 0)
