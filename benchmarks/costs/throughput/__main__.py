"""Throughput of a Population beside Keras' fit, PyTorch and a JAX scan written by hand.

ReLU networks 784-w-w-w-10 with dropout .5, a CNN and an LSTM; SGD with momentum, batches of 128.
Every arm runs in a separate process. The arms and a matrix product take turns, so that a slow
minute of the machine affects all of them. Each round is written to `<out>/throughput/` when it
ends, and the page shows all rounds there: a run may be stopped, and the same command continues it.
Arms whose packages are not installed are left out.
"""

import contextlib
import importlib.util
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.costs.throughput import page, records
from benchmarks.costs.throughput.arms import ARMS, BY_NAME, MATMUL, NETWORKS, Arm
from benchmarks.costs.throughput.processes import Worker
from benchmarks.harness import commands
from benchmarks.harness.env import ROOT, environment

STARTING = 2  # arms that start at the same time
SUMMARY = "throughput of a Population beside Keras' fit, PyTorch and a JAX scan"


def measure(
    network: str, arms: Sequence[Arm], rounds: int, file: Path, *, hidden: bool = False
) -> None:
    """Let the arms take turns, and write every round when it ends.

    Args:
        network: a name of `NETWORKS`.
        arms: the arms, in the order of their turns.
        rounds: number of timed turns of each arm. One more turn before them compiles.
        file: file to which the records are appended.
        hidden: whether GPUs are hidden.
    """
    ran = environment("numpy")
    with contextlib.ExitStack() as stack:

        def started(arm: Arm) -> tuple[Worker, float]:
            """Start an arm and let it take its first turn; return it with the seconds that took."""
            begun = time.perf_counter()
            worker = Worker(arm, network, hidden)
            stack.callback(worker.stop)
            worker.turn()
            spent = time.perf_counter() - begun
            print(f"{network}: {arm.name} is ready after {spent:.1f} s", file=sys.stderr)
            return worker, spent

        with ThreadPoolExecutor(STARTING) as pool:
            ready = [*pool.map(started, arms)]
        workers = [worker for worker, _ in ready]
        first = records.next_round(file)
        for number in range(first, first + rounds):
            turns = [
                {"network": network, "arm": w.arm.name, "round": number, **w.turn()}
                for w in workers
            ]
            records.append(file, turns, ran)
            print(f"{network}: round {number + 1} is written", file=sys.stderr)
        ended = [
            {
                "network": network,
                "arm": w.arm.name,
                "ready": spent,
                "memory": w.memory(),
            }
            for w, spent in ready
        ]
        records.append(file, ended, ran)


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("costs.throughput", __doc__)
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--arms", nargs="+", metavar="NAME", help="default: all, see the page")
    parser.add_argument("--rounds", type=int, default=5, help="number of timed turns to add")
    parser.add_argument(
        "--device", choices=("auto", "cpu"), default="auto", help="cpu hides the GPUs"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results", metavar="DIR")
    arguments = parser.parse_args(argv)
    for name in arguments.arms or ():
        if name not in BY_NAME:
            parser.error(f"--arms: unknown {name!r}; there are {', '.join(map(repr, BY_NAME))}")
    chosen = {MATMUL.name, *(arguments.arms or BY_NAME)}
    folder = arguments.out / "throughput"
    folder.mkdir(parents=True, exist_ok=True)
    for network in arguments.networks:
        arms = [
            arm
            for arm in ARMS
            if network in arm.networks
            and arm.name in chosen
            and all(map(importlib.util.find_spec, arm.needs))
        ]
        measure(
            network,
            arms,
            arguments.rounds,
            folder / f"{network}.jsonl",
            hidden=arguments.device == "cpu",
        )
    found = records.read(folder)
    print(page.text(found))
    page.write(found, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
