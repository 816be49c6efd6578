"""Executors run trials. Each takes trials and yields one record for each, in any order."""

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.harness.data import Dataset
from benchmarks.harness.deadline import OutOfTimeError
from benchmarks.harness.env import ROOT
from benchmarks.harness.experiment import Experiment, Measuring, Training
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now
from benchmarks.harness.training import backend, devices
from benchmarks.harness.training.checkpoints import Checkpoints
from benchmarks.harness.training.grouping import groups
from benchmarks.harness.training.progress import Progress

# The size of a group: the number of trials that is enough, and the largest number. See `groups`.
# docs/results/throughput.md shows what larger groups gain.
ON_CPU, ON_GPU = (8, 16), (48, 64)

Claim = Callable[[list[Trial]], list[Trial]]  # returns the trials of a group to train here


@dataclass(frozen=True)
class Limits:
    """What bounds the groups of a run.

    Args:
        members: the largest number of trials that train together. None (default): the executor
            chooses it.
        checkpoints: where unfinished groups are stored. None (default): nowhere.
    """

    members: int | None = None
    checkpoints: Checkpoints | None = None


Executor = Callable[..., Iterator[Record]]  # called as `in_process` is


def _all(group: list[Trial]) -> list[Trial]:
    return group


def in_process(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = _all,
    *,
    limits: Limits = Limits(),
) -> Iterator[Record]:
    """Train one trial after another. If a trial raises an exception, its record has the error."""
    return _train(
        experiment, ([trial] for trial in trials), dataset, progress, claim, limits=limits
    )


def population(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = _all,
    *,
    limits: Limits = Limits(),
) -> Iterator[Record]:
    """Train trials of one structure together, as a `keras_ddl.Population`.

    If a group does not fit into memory, its two halves are trained one after the other. The records
    of a group are yielded when all of its trials are finished.
    """
    enough, most = ON_GPU if backend.has_gpu() else ON_CPU
    if limits.members is not None:
        enough, most = min(enough, limits.members), limits.members
    parts = groups(experiment, trials, enough, most)
    return _train(experiment, parts, dataset, progress, claim, limits=limits)


def auto(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = _all,
    *,
    limits: Limits = Limits(),
) -> Iterator[Record]:
    """Use `population` where it is faster, and otherwise `in_process`."""
    execute = population if _population_is_faster(experiment) else in_process
    return execute(experiment, trials, dataset, progress, claim, limits=limits)


def trains_populations(name: str, experiment: Experiment) -> bool:
    """Whether populations train when the executor called `name` runs `experiment`."""
    if isinstance(experiment.work, Measuring):
        return experiment.work.populations
    if name == "auto":
        return _population_is_faster(experiment)
    return name == "population" and experiment.structure is not None


def _population_is_faster(experiment: Experiment) -> bool:
    # On PyTorch the members of a population train in turn.
    return experiment.structure is not None and backend.name() != "torch"


def prepare(name: str, experiment: Experiment, count: int, cores: int | None = None) -> None:
    """Start the backend for the executor called `name`.

    Call it before anything else starts the backend; reading data may start it.

    Args:
        name: the executor's name.
        experiment: the experiment to run.
        count: the number of devices of each trial.
        cores: the number of cores to use. None (default): all.
    """
    if count == 1 and trains_populations(name, experiment):
        backend.use_cores(cores)
    devices.provide(count)
    backend.start()


def _train(
    experiment: Experiment,
    groups: Iterable[list[Trial]],
    dataset: Dataset,
    progress: Progress,
    claim: Claim,
    *,
    limits: Limits,
) -> Iterator[Record]:
    backend.name()  # imports Keras here, so that a failure ends the run rather than one trial
    try:
        from benchmarks.harness.training.trainer import Trainer
    except ModuleNotFoundError as error:
        raise backend.BackendError(backend.what_to_install(error)) from error
    special = experiment.work.trainer if isinstance(experiment.work, Training) else None
    train = (special or Trainer)(experiment, dataset)
    train.checkpoints = limits.checkpoints
    for group in filter(None, map(claim, groups)):
        yield from _records(train, group, progress)
        if limits.checkpoints is not None:
            limits.checkpoints.remove(group)  # the caller has stored the records


def _records(train: Any, group: list[Trial], progress: Progress) -> Iterator[Record]:
    started = time.perf_counter()
    reached: list[tuple[int, float]] = []  # each point of the curves, and when it was reached
    count = len(group)
    halve = False

    def on_point(point: int, points: int) -> None:
        reached.append((point, time.perf_counter()))
        progress.within_trial(count * point, points)

    try:
        records = [train(group[0], on_point)] if count == 1 else train.together(group, on_point)
    except OutOfTimeError:
        raise
    except Exception as error:
        halve = count > 1 and _out_of_memory(error)
        message = _without_folders(traceback.format_exc())
        spent = {"wall_s": time.perf_counter() - started} if count == 1 else {}
        records = [
            Record(
                trial,
                "error",
                finished=now(),
                error=message,
                times=spent,
                environment=train.environment,
            )
            for trial in group
        ]
    if halve:  # outside `except`, where the exception no longer keeps the tensors alive
        for half in (group[: count // 2], group[count // 2 :]):
            yield from _records(train, half, progress)
        return
    how = {"executor": "in-process"} if count == 1 else {"executor": "population", "members": count}
    times = _pace(reached, time.perf_counter() - started)
    for record in records:
        yield replace(
            record,
            environment={**record.environment, **how},
            times={**times, **record.times},
        )


def _pace(reached: Sequence[tuple[int, float]], total: float) -> dict[str, float]:
    """The seconds of a group from one point of the curves to the next, and what it took besides.

    Empty if fewer than two points were reached.
    """
    if len(reached) < 2:
        return {}
    (first, begun), (last, ended) = reached[0], reached[-1]
    point_s = (ended - begun) / (last - first)
    return {"startup_s": max(0.0, total - point_s * (1 + last - first)), "point_s": point_s}


def _out_of_memory(error: Exception) -> bool:
    """Whether an error says that the machine or a GPU ran out of memory, on TensorFlow or JAX."""
    signs = ("ResourceExhausted", "RESOURCE_EXHAUSTED")
    return isinstance(error, MemoryError) or any(s in f"{type(error)} {error}" for s in signs)


def _without_folders(text: str) -> str:
    """Remove the paths of this machine's folders, which do not belong in a record."""
    return text.replace(f"{ROOT}/", "").replace(f"{sys.prefix}/", "")


EXECUTORS: dict[str, Executor] = {"auto": auto, "in-process": in_process, "population": population}
