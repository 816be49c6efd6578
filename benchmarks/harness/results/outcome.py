"""What a command prints at its end: the plan of a dry run, or the results."""

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.experiment import Experiment
from benchmarks.harness.results import run_report, tables
from benchmarks.harness.results.width import width
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store


@dataclass(frozen=True)
class Shown:
    """How much is printed.

    Args:
        json: one JSON document on standard output, and nothing else there.
        quiet: no text.
    """

    json: bool = False
    quiet: bool = False


def show_plan(
    experiment: Experiment, trials: Sequence[Trial], done: Collection[str], shown: Shown
) -> None:
    """Prints which trials a command would run."""
    left = sum(trial.key not in done for trial in trials)
    if shown.json:
        plan = [
            {
                "key": trial.key,
                "label": experiment.label(trial),
                "done": trial.key in done,
                "params": trial.params,
            }
            for trial in trials
        ]
        counts = {"trials": len(trials), "done": len(trials) - left, "to_run": left}
        print(json.dumps({**_about(experiment, trials), **counts, "plan": plan}, indent=2))
    elif not shown.quiet:
        for trial in trials:
            state = "done" if trial.key in done else "to do"
            print(f"{state}  {trial.key}  {experiment.label(trial)}")
        print(f"{len(trials)} trials on {trials[0].dataset}, {left} to run; nothing was run")


def show_results(
    experiment: Experiment, trials: Sequence[Trial], store: Store, shown: Shown
) -> int:
    """Prints tables and verdicts, draws figures, and names trials without a result.

    Returns:
        How many trials have no result.
    """
    latest = store.latest()
    records = [latest[trial.key] for trial in trials if trial.key in latest]
    made = run_report.make(experiment, records)
    figures = _draw(made, store.folder)
    failed = [record for record in records if not record.done]
    lost = len(trials) - len(records)
    if shown.json:
        document = {
            **_about(experiment, trials),
            "claims": {id_: verdict.as_json() for id_, verdict in made.verdicts.items()},
            "tables": [tables.as_json(section) for section in made.sections],
            "records": str(store.records_folder),
            "figures": [str(path) for path in figures],
            "trials": len(trials),
            "failed": len(failed) + lost,
        }
        print(json.dumps(document, indent=2, allow_nan=False))
    elif not shown.quiet:
        print(f"\n{made.text(width=width())}\n")
        print(f"records: {store.records_folder}")
        for path in figures:
            print(f"figure:  {path}")
    _name_failures(failed, lost, len(trials))
    return len(failed) + lost


def _about(experiment: Experiment, trials: Sequence[Trial]) -> dict[str, Any]:
    trial = trials[0]
    return {
        "experiment": experiment.name,
        "dataset": trial.dataset,
        "profile": trial.profile,
        "seed": trial.seed,
    }


def _draw(made: run_report.Report, folder: Path) -> list[Path]:
    """The figures' paths; on a full or read-only disk, the results are still shown without them."""
    try:
        return made.draw(folder)
    except OSError as error:
        print(f"note: no figures, for they cannot be written: {error}", file=sys.stderr)
        return []


def _name_failures(failed: Sequence[Record], lost: int, count: int) -> None:
    for error in dict.fromkeys(record.error for record in failed):
        print(f"\n{error}", file=sys.stderr)
    if failed:
        print(
            f"error: {len(failed)} of {count} trials failed, as told above; "
            "the same command tries them again",
            file=sys.stderr,
        )
    if lost:
        print(
            f"error: {lost} of {count} trials left no record; the same command runs them",
            file=sys.stderr,
        )
