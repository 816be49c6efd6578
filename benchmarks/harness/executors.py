"""Where trials run. An executor takes trials and yields a record of each, in any order."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks.harness.data import Dataset
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.progress import Progress
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now

Executor = Callable[[Experiment, Sequence[Trial], Dataset, Progress], Iterator[Record]]


def in_process(
    experiment: Experiment, trials: Sequence[Trial], dataset: Dataset, progress: Progress
) -> Iterator[Record]:
    """One trial after another in this process. A trial that raises leaves an error record."""
    from benchmarks.harness.train import Trainer  # imports Keras

    train = Trainer(experiment, dataset)
    for trial in trials:
        try:
            record = train(trial, progress.within_trial)
        except Exception:
            yield Record(trial, "error", finished=now(), error=traceback.format_exc())
        else:
            yield replace(record, environment={**record.environment, "executor": "in-process"})


EXECUTORS: dict[str, Executor] = {"in-process": in_process}
