"""Throughput of a Population beside Keras' fit, a PyTorch loop and a JAX scan, in one run.

Networks 784-2048-2048-2048-10 and 784-256-256-256-10, ReLU, dropout .5, SGD with momentum, batches
of 128. Every arm lives in a process of its own, and the arms take turns, so that a slow minute of
the machine falls on all of them. What is not installed is left out.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.costs.throughput import page
from benchmarks.costs.throughput.arms import ARMS, NETWORKS, Arm
from benchmarks.harness import commands
from benchmarks.harness.env import ROOT, environment

SUMMARY = "throughput of a Population beside Keras' fit, a PyTorch loop and a JAX scan"


class Worker:
    """The process of an arm."""

    def __init__(self, arm: Arm, network: str):
        self.arm = arm
        backend = {"KERAS_BACKEND": arm.backend} if arm.backend else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.costs.throughput.worker", network, arm.name],
            cwd=ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **backend},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self) -> float:
        """Seconds of a turn."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        return self._told("seconds")

    def memory(self) -> float:
        """Ends the process; the most bytes that it held."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self._told("memory")

    def _told(self, what: str) -> float:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.arm.name!r} ended; see above")
        return json.loads(line)[what]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def measure(network: str, arms: Sequence[Arm], rounds: int) -> Iterator[dict[str, Any]]:
    """A record of each arm: seconds of its turns, the first left out, and memory."""
    with contextlib.ExitStack() as stack:
        workers = []
        for arm in arms:  # one after another until they are warm
            workers.append(Worker(arm, network))
            stack.callback(workers[-1].stop)
            seconds = workers[-1].turn()
            print(f"{network}: {arm.name} is ready after {seconds:.1f} s", file=sys.stderr)
        spent: dict[str, list[float]] = {arm.name: [] for arm in arms}
        for done in range(rounds):
            for worker in workers:
                spent[worker.arm.name].append(worker.turn())
            print(f"{network}: round {done + 1} of {rounds}", file=sys.stderr)
        for worker in workers:
            yield {
                "network": network,
                "arm": worker.arm.name,
                "seconds": spent[worker.arm.name],
                "memory": worker.memory(),
            }


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("costs.throughput", __doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--arms", nargs="+", metavar="NAME", help="default: all, see the page")
    parser.add_argument("--rounds", type=int, default=5, help="timed turns, after one to warm up")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write throughput.md and its plot")
    arguments = parser.parse_args(argv)
    known = [arm.name for arm in ARMS]
    for name in arguments.arms or ():
        if name not in known:
            parser.error(f"--arms: unknown {name!r}; there are {', '.join(map(repr, known))}")
    records: list[dict[str, Any]] = []
    for network in arguments.networks:
        arms = [
            arm
            for arm in ARMS
            if network in arm.networks
            and all(map(importlib.util.find_spec, arm.needs))
            and (arm is ARMS[0] or arm.name in (arguments.arms or known))
        ]
        records += measure(network, arms, arguments.rounds)
    ran = environment("numpy")
    print(page.text(records, ran))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        page.write(records, ran, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
