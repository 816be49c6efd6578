"""The processes of an arm: one, or one on each core."""

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.costs.throughput.arms import Arm
from benchmarks.harness.env import ROOT


class Process:
    """One process of an arm.

    Args:
        arm, network: what it trains.
        core: the only core that it may use; None for all.
        hidden: whether GPUs are hidden from it.
    """

    def __init__(self, arm: Arm, network: str, core: int | None = None, hidden: bool = False):
        self.arm = arm
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if arm.backend:
            environment["KERAS_BACKEND"] = arm.backend
        if hidden:
            environment |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-m", "benchmarks.costs.throughput.worker", network, arm.name]
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

    def told(self) -> dict[str, float]:
        """What the process prints when the turn has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.arm.name!r} ended; see above")
        return json.loads(line)

    def memory(self) -> float:
        """End the process; the most bytes that it held."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.told()["memory"]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Worker:
    """All processes of an arm. They take their turns at the same time.

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
        """The seconds of a turn, and its `samples`: examples that models were trained on."""
        started = time.perf_counter()
        for process in self.processes:
            process.begin()
        told = [process.told() for process in self.processes]
        alone = len(told) == 1
        return {
            "seconds": told[0]["seconds"] if alone else time.perf_counter() - started,
            "samples": sum(one["samples"] for one in told),
        }

    def memory(self) -> float:
        """End the processes; the most bytes that they held together."""
        return sum(process.memory() for process in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
