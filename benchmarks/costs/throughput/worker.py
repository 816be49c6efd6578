"""Runs one arm in a separate process.

`python -m benchmarks.costs.throughput.worker NETWORK ARM [CORE]` takes a turn, a few training
steps, for every line of its input. It prints the seconds of the turn and the number of
model-samples. At the end of the input it prints its peak memory. The first turn includes compiling.
With CORE the process uses only that core.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable

from benchmarks.costs.throughput import keras_arms, plain_arms
from benchmarks.costs.throughput.arms import BATCH, BY_NAME, Arm


def wait() -> None:
    """Wait for the next turn. At the end of the input the process ends here."""
    if not sys.stdin.readline():
        tell(memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        sys.exit()


def tell(**values: float) -> None:
    """Print a line with the values."""
    print(json.dumps(values), flush=True)


class Clock:
    """Measures turns: waits before each, and prints its seconds afterwards.

    Args:
        arm: the arm.
        network: name of the network that it trains.
    """

    def __init__(self, arm: Arm, network: str):
        self.samples = arm.steps(network) * arm.members * BATCH
        self.started = 0.0

    def begin(self) -> None:
        wait()
        self.started = time.perf_counter()

    def end(self) -> None:
        tell(seconds=time.perf_counter() - self.started, samples=self.samples)


def take_turns(arm: Arm, network: str) -> None:
    """Take turns until the input ends."""
    clock = Clock(arm, network)
    if arm.kind == "population":
        keras_arms.fit_together(arm, network, clock.begin, clock.end)
    turn = KINDS[arm.kind](arm, network)
    while True:
        clock.begin()
        turn()
        clock.end()


KINDS: dict[str, Callable[[Arm, str], Callable[[], object]]] = {
    "matmul": plain_arms.matmul,
    "fit": keras_arms.fit,
    "processes": keras_arms.fit,
    "loop": plain_arms.torch_loop,
    "ensemble": plain_arms.torch_ensemble,
    "scan": plain_arms.jax_scan,
}


def limit(arm: Arm, core: int | None) -> None:
    """Limit the process to one core, or to as many as the arm may use."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    elif arm.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arm.cores])


def prepare(arm: Arm) -> None:
    """Import Keras, and set the cores of a population before the backend starts."""
    if arm.backend:
        from benchmarks.harness.training import backend

        backend.name()  # quietly
    if arm.kind == "population":
        from keras_ddl.population import use_cores

        use_cores(arm.cores)


if __name__ == "__main__":
    network, name, *core = sys.argv[1:]
    limit(BY_NAME[name], int(core[0]) if core else None)
    prepare(BY_NAME[name])
    take_turns(BY_NAME[name], network)
