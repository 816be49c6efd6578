"""What a results folder holds: trials done, failed, in training now, and missing.

Missing are trials of the arms and repetitions that the folder has begun. A process that was killed
holds no trial: the next one on the folder takes its trials over.
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

SUMMARY = "what a results folder holds: trials done, failed, in training now, and missing"
HEADERS = ("experiment", "data set", "profile", "seed", "done", "failed", "missing")


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("status", __doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="what experiments got as --out; default results",
    )
    folder = parser.parse_args(argv).out
    if not folder.is_dir():
        parser.error(f"--out must be a folder. Received: {str(folder)!r}")
    rows: list[tuple[str | int, ...]] = []
    holders: list[str] = []
    for experiment in experiments():
        place = folder / experiment.name
        rows += _rows(experiment.name, [*Store(place).latest().values()])
        held = Leases(place / "leases").holders()
        if held:
            processes = len({*held.values()})
            holders.append(f"{experiment.name}: {len(held)} in training by {processes} processes")
    print(tabulate(rows, HEADERS) if rows else f"no records in {folder}")
    for line in holders:
        print(line)
    return 0


def _rows(name: str, records: Sequence[Record]) -> list[tuple[str | int, ...]]:
    runs: dict[tuple[str, str, int], list[Record]] = {}
    for record in records:
        trial = record.trial
        runs.setdefault((trial.dataset, trial.profile, trial.seed), []).append(record)
    rows: list[tuple[str | int, ...]] = []
    for run, found in sorted(runs.items()):
        arms = {as_json(record.trial.params) for record in found}
        repetitions = 1 + max(record.trial.repetition for record in found)
        done = sum(record.done for record in found)
        missing = len(arms) * repetitions - len(found)
        rows.append((name, *run, done, len(found) - done, missing))
    return rows


if __name__ == "__main__":
    sys.exit(commands.run(main))
