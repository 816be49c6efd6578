"""Runs an arm in one process, or in one process on each core."""

import contextlib
import json
import os
import subprocess
import time
from typing import Any

from benchmarks.costs import workers
from benchmarks.costs.throughput.arms import Arm
from benchmarks.harness.env import ROOT


class Process:
    """One process of an arm.

    Args:
        arm: the arm.
        network: name of the network that it trains.
        core: the only core that the process may use, or None.
        hidden: whether GPUs are hidden.
    """

    def __init__(self, arm: Arm, network: str, core: int | None = None, hidden: bool = False):
        self.arm = arm
        environment = workers.environment(arm.backend)
        if hidden:
            environment |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
        command = workers.command("benchmarks.costs.throughput.worker", network, arm.name)
        self.process = subprocess.Popen(
            command if core is None else [*command, str(core)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self) -> None:
        """Start a turn."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def result(self) -> dict[str, float]:
        """Wait for the next line that the process prints, and return its values."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.arm.name!r} ended; see above")
        return json.loads(line)

    def memory(self) -> float:
        """End the process, and return its peak memory in bytes."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.result()["memory"]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Worker:
    """All processes of an arm, which take their turns at the same time.

    Args:
        arm, network, hidden: as in `Process`.
    """

    def __init__(self, arm: Arm, network: str, hidden: bool = False):
        self.arm = arm
        cores: list[Any] = [None]
        if arm.kind == "processes":
            cores = sorted(os.sched_getaffinity(0))
        self.processes = [Process(arm, network, core, hidden) for core in cores]

    def turn(self) -> dict[str, float]:
        """Take a turn, and return its `seconds` and its `samples`, the number of model-samples."""
        started = time.perf_counter()
        for process in self.processes:
            process.begin()
        results = [process.result() for process in self.processes]
        alone = len(results) == 1
        return {
            "seconds": results[0]["seconds"] if alone else time.perf_counter() - started,
            "samples": sum(one["samples"] for one in results),
        }

    def memory(self) -> float:
        """End the processes, and return the sum of their peak memory in bytes."""
        return sum(process.memory() for process in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
