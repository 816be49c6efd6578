"""Where trials run. An executor takes trials and yields a record of each, in any order."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks.harness.data import Dataset
from benchmarks.harness.env import ROOT
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.progress import Progress
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now


class BackendError(Exception):
    """Keras or its backend cannot be imported; the message says how to mend it."""


Executor = Callable[[Experiment, Sequence[Trial], Dataset, Progress], Iterator[Record]]


def in_process(
    experiment: Experiment, trials: Sequence[Trial], dataset: Dataset, progress: Progress
) -> Iterator[Record]:
    """One trial after another in this process. A trial that raises leaves an error record."""
    try:
        from benchmarks.harness.train import Trainer
    except (ImportError, ValueError) as error:
        raise BackendError(
            f"Keras cannot be imported with its backend: {error}. Install the backend, as in "
            "`pip install -e '.[jax]'`, or set KERAS_BACKEND to one that is installed."
        ) from error

    train = (experiment.trainer or Trainer)(experiment, dataset)
    for trial in trials:
        started = time.perf_counter()
        try:
            record = train(trial, progress.within_trial)
        except Exception:
            record = Record(
                trial,
                "error",
                finished=now(),
                error=_without_folders(traceback.format_exc()),
                times={"wall_s": time.perf_counter() - started},
                environment=train.environment,
            )
        yield replace(record, environment={**record.environment, "executor": "in-process"})


def _without_folders(text: str) -> str:
    """Records tell nothing of where things lie on the machine."""
    return text.replace(f"{ROOT}/", "").replace(f"{sys.prefix}/", "")


EXECUTORS: dict[str, Executor] = {"in-process": in_process}
