"""Trains groups of trials as Ray tasks, on one machine or on the machines of a cluster.

Ray chooses the machine of a task, keeps one copy of the data set on each machine, and starts a task
again, elsewhere if necessary, when its process or its machine dies. This file decides how large the
groups are, and how many are given to Ray at a time. Only the driver, which is the process that the
user started, claims trials and writes records. A lost machine therefore loses no record.
"""

import contextlib
import functools
import math
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.harness.data import Dataset
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now
from benchmarks.harness.training import executors
from benchmarks.harness.training.backend import BackendError
from benchmarks.harness.training.executors import ON_CPU, ON_GPU, Claim, Executor
from benchmarks.harness.training.grouping import groups, share
from benchmarks.harness.training.progress import Progress

RETRIES = 5  # how often Ray starts a task again whose process or machine died
POLL = 1.0  # seconds between two looks at the machines of the cluster
SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # Ray 2 warns unless this is set
    "RAY_USAGE_STATS_ENABLED": "0",  # send no statistics to Ray's developers
    "RAY_task_oom_retries": "0",  # a group that needs too much memory is halved instead
}


def executor(
    address: str | None = None, gpus_per_group: float | None = None, members: int | None = None
) -> Executor:
    """An executor that trains on a Ray cluster.

    Args:
        address: the address of the cluster, or "auto" for the one that runs on this machine. None
            (default): Ray's variable `RAY_ADDRESS`, and without it a cluster of this machine alone,
            which ends with the run.
        gpus_per_group: the number of GPUs that a group occupies; 0: groups train on processors.
            Default: 1 if the cluster has GPUs, else 0.
        members: the largest number of trials in a group. None (default): what suits the device.

    Raises:
        BackendError: if Ray is not installed, or a machine of the cluster cannot train.
    """
    return functools.partial(_run, address=address, gpus_per_group=gpus_per_group, members=members)


def _run(
    experiment: Experiment,
    trials: Sequence[Trial],
    dataset: Dataset,
    progress: Progress,
    claim: Claim = lambda group: group,
    *,
    address: str | None,
    gpus_per_group: float | None,
    members: int | None,
) -> Iterator[Record]:
    with _connected(address) as ray:
        cluster = _Cluster(ray, trials, gpus_per_group)
        enough, most = (min(size, members or size) for size in cluster.sizes)
        shared = ray.put((experiment, dataset))
        task = ray.remote(_train).options(max_retries=RETRIES, **cluster.resources)
        queue = filter(None, map(claim, groups(experiment, trials, enough, most)))
        halves: list[list[Trial]] = []
        running: dict[Any, list[Trial]] = {}
        while True:
            nodes, slots = cluster.count()
            while len(running) < max(slots, 1):
                group = halves.pop() if halves else next(queue, None)
                if group is None:
                    break
                running[task.remote(shared, group, cluster.cores)] = group
            if not running:
                return
            progress.spread(nodes, len(running))
            for reference in ray.wait([*running], timeout=POLL)[0]:
                group = running.pop(reference)
                records = _records(ray, reference, group)
                if len(group) > 1 and not records:
                    middle = len(group) // 2
                    halves += [group[middle:], group[:middle]]
                yield from records


def _train(shared: tuple[Experiment, Dataset], group: list[Trial], cores: int) -> list[Record]:
    """The task. The device of its machine decides whether the group is divided further."""
    experiment, dataset = shared
    executors.prepare("auto", experiment, group[0].params.get("devices", 1), cores)
    progress = Progress(len(group), experiment.label, quiet=True)
    return [*executors.auto(experiment, group, dataset, progress)]


def _records(ray: Any, reference: Any, group: list[Trial]) -> list[Record]:
    """The records of a finished task. Empty if it is to be halved, because its process died."""
    errors = ray.exceptions
    try:
        return ray.get(reference)
    except (errors.RayTaskError, errors.RuntimeEnvSetupError) as error:
        cause = getattr(error, "cause", error)
        raise BackendError(
            f"A machine of the Ray cluster cannot train: {type(cause).__name__}: {cause}. Every "
            "machine needs the project, at the same commit and in the same folder."
        ) from error
    except errors.RayError as error:
        if len(group) > 1:
            return []
        # Ray's message contains addresses and folders, which do not belong in a record.
        why = f"{type(error).__name__}: the process that trained this trial used too much memory"
        if not isinstance(error, errors.OutOfMemoryError):
            why = f"{type(error).__name__}: {RETRIES + 1} processes died while training this trial"
        return [Record(trial, "error", finished=now(), error=why) for trial in group]


class _Cluster:
    """The machines, and what a group occupies of one.

    Args:
        ray: the module, connected to the cluster.
        trials: the trials to train. Each slot, which is a place for one group, gets an equal part.
        gpus_per_group: see `executor`.
    """

    def __init__(self, ray: Any, trials: Sequence[Trial], gpus_per_group: float | None):
        self._ray = ray
        nodes = self._nodes()
        if gpus_per_group is None:
            gpus_per_group = float(any(node.get("GPU") for node in nodes))
        smallest = min((int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1), default=1)
        gpus = gpus_per_group * trials[0].params.get("devices", 1)
        self.cores = min(smallest, ON_CPU[0])
        self.resources = {"num_gpus": gpus, "num_cpus": 0} if gpus else {"num_cpus": self.cores}
        self.sizes = share(ON_GPU if gpus else ON_CPU, len(trials), self.count()[1])

    def count(self) -> tuple[int, int]:
        """The number of machines alive that can train, and the number of their slots."""
        gpus = self.resources.get("num_gpus")
        name, size = ("GPU", gpus) if gpus else ("CPU", self.cores)
        slots = [math.floor(node.get(name, 0) / size) for node in self._nodes()]
        return sum(map(bool, slots)), sum(slots)

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine.

    At the end Ray stops the tasks in flight, also if this process is killed. `ray.cancel` is not
    used: Ray 2.60 aborts the driver if a task ends at the moment at which it is cancelled.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)  # Ray reads them when it is imported
    try:
        import ray
    except ModuleNotFoundError as error:
        raise BackendError(
            f"{error}. Install it with: python -m pip install -e '.[ray]'"
        ) from error
    passed = ("KERAS_BACKEND", "KERAS_DDL_COMMIT", "XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL")
    variables = {name: os.environ[name] for name in passed if name in os.environ}
    handler = signal.getsignal(signal.SIGTERM)
    ray.init(
        address,
        runtime_env={"env_vars": variables},
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray has replaced it
    try:
        yield ray
    finally:
        ray.shutdown()
