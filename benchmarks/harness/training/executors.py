"""Where trials run. An executor takes trials and yields a record of each, in any order."""

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.harness.data import Dataset
from benchmarks.harness.env import ROOT
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now
from benchmarks.harness.training import backend
from benchmarks.harness.training.grouping import groups
from benchmarks.harness.training.progress import Progress

# Trials of a group: enough, and at most. docs/results/throughput.md: what a larger one gains.
ON_CPU, ON_GPU = (8, 16), (48, 64)

Claim = Callable[[list[Trial]], list[Trial]]  # what of a group is to be trained here
Executor = Callable[[Experiment, Sequence[Trial], Dataset, Progress, Claim], Iterator[Record]]


def _all(group: list[Trial]) -> list[Trial]:
    return group


def in_process(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = _all,
) -> Iterator[Record]:
    """One trial after another. A trial that raises leaves an error record."""
    return _train(experiment, ([trial] for trial in trials), dataset, progress, claim)


def population(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = _all,
) -> Iterator[Record]:
    """Trials of one structure together, as a `keras_ddl.Population`; the others alone.

    A group that does not fit in memory is halved. Its records come all at once.
    """
    sizes = ON_GPU if backend.has_gpu() else ON_CPU
    return _train(experiment, groups(experiment, trials, *sizes), dataset, progress, claim)


def auto(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = _all,
) -> Iterator[Record]:
    """`population` where it pays: on PyTorch its members take turns."""
    pays = trains_together("auto", experiment)
    return (population if pays else in_process)(experiment, trials, dataset, progress, claim)


def trains_together(name: str, experiment: Experiment) -> bool:
    """Whether the executor called `name` trains trials of `experiment` as populations."""
    if name == "auto":
        return experiment.structure is not None and backend.name() != "torch"
    return name == "population" and experiment.structure is not None


def _train(
    experiment: Experiment,
    groups: Iterable[list[Trial]],
    dataset: Dataset,
    progress: Progress,
    claim: Claim,
) -> Iterator[Record]:
    backend.name()  # an import that fails ends the run, and is no error of one trial
    try:
        from benchmarks.harness.training.trainer import Trainer
    except ModuleNotFoundError as error:
        raise backend.BackendError(backend.how_to_mend(error)) from error
    own = experiment.work.trainer if isinstance(experiment.work, Training) else None
    train = (own or Trainer)(experiment, dataset)
    for group in filter(None, map(claim, groups)):
        yield from _records(train, group, progress)


def _records(train: Any, group: list[Trial], progress: Progress) -> Iterator[Record]:
    started = time.perf_counter()
    count = len(group)
    halve = False
    try:
        if count == 1:
            records = [train(group[0], progress.within_trial)]
        else:
            records = train.together(group, lambda p, n: progress.within_trial(count * p, n))
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
    if halve:  # here, where no error holds what filled the memory any more
        for half in (group[: count // 2], group[count // 2 :]):
            yield from _records(train, half, progress)
        return
    how = {"executor": "in-process"} if count == 1 else {"executor": "population", "members": count}
    for record in records:
        yield replace(record, environment={**record.environment, **how})


def _out_of_memory(error: Exception) -> bool:
    """Whether the machine ran out of memory, or a GPU, as TensorFlow and JAX report it."""
    signs = ("ResourceExhausted", "RESOURCE_EXHAUSTED")
    return isinstance(error, MemoryError) or any(s in f"{type(error)} {error}" for s in signs)


def _without_folders(text: str) -> str:
    """The text without the machine's folders, which do not belong in a record."""
    return text.replace(f"{ROOT}/", "").replace(f"{sys.prefix}/", "")


EXECUTORS: dict[str, Executor] = {"auto": auto, "in-process": in_process, "population": population}
