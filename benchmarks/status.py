"""Lists the trials in a results folder: done, failed, in training now, and missing.

A trial is missing if the folder has records of its arm and of its repetition, but not of the trial.
When a process is killed, another process that uses the folder runs its trials.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from benchmarks.catalogue import experiments
from benchmarks.harness import commands
from benchmarks.harness.experiment import as_json
from benchmarks.harness.leases import Leases
from benchmarks.harness.spec import Record
from benchmarks.harness.store import Store

SUMMARY = "lists the trials in a results folder: done, failed, in training now, and missing"
HEADERS = ("experiment", "data set", "profile", "seed", "done", "failed", "missing")


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("status", __doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="the folder that was passed to experiments as --out; default results",
    )
    folder = parser.parse_args(argv).out
    if not folder.is_dir():
        parser.error(f"--out must be a folder. Received: {str(folder)!r}")
    rows: list[tuple[str | int, ...]] = []
    in_training: list[str] = []
    for experiment in experiments():
        place = folder / experiment.name
        rows += _rows(experiment.name, [*Store(place).latest().values()])
        holders = Leases(place / "leases").holders()
        if holders:
            processes = len({*holders.values()})
            plural = "" if processes == 1 else "es"
            in_training.append(
                f"{experiment.name}: {len(holders)} in training by {processes} process{plural}"
            )
    print(tabulate(rows, HEADERS) if rows else f"no records in {folder}")
    for line in in_training:
        print(line)
    return 0


def _rows(name: str, records: Sequence[Record]) -> list[tuple[str | int, ...]]:
    runs: dict[tuple[str, str, int], list[Record]] = {}
    for record in records:
        trial = record.trial
        runs.setdefault((trial.dataset, trial.profile, trial.seed), []).append(record)
    rows: list[tuple[str | int, ...]] = []
    for run, of_run in sorted(runs.items()):
        arms = {as_json(record.trial.params) for record in of_run}
        repetitions = 1 + max(record.trial.repetition for record in of_run)
        done = sum(record.done for record in of_run)
        missing = len(arms) * repetitions - len(of_run)
        rows.append((name, *run, done, len(of_run) - done, missing))
    return rows


if __name__ == "__main__":
    sys.exit(commands.run(main))
