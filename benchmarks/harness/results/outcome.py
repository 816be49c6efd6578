"""Prints the plan of a dry run, or the results of a run."""

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.harness import power
from benchmarks.harness.claims import REPRODUCED
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.results import run_report, tables
from benchmarks.harness.results.width import width
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store
from benchmarks.harness.training.scaling import Prediction

SETS = 200  # synthetic sets of records, from which a dry run computes the power


@dataclass(frozen=True)
class Output:
    """What a command prints.

    Args:
        json: whether to print one JSON document, and nothing else, on standard output.
        quiet: whether to print no text.
    """

    json: bool = False
    quiet: bool = False


def show_plan(
    experiment: Experiment,
    trials: Sequence[Trial],
    done: Collection[str],
    output: Output,
    prediction: Prediction | None = None,
) -> None:
    """Prints which trials a command would run, and how long they take on several machines."""
    left = sum(trial.key not in done for trial in trials)
    if output.json:
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
        document = {**_about(experiment, trials), **counts, "plan": plan}
        document["power"] = powers(experiment, trials)
        if prediction:
            document["nodes"] = asdict(prediction)
        print(json.dumps(document, indent=2))
    elif not output.quiet:
        for trial in trials:
            state = "done" if trial.key in done else "to do"
            print(f"{state}  {trial.key}  {experiment.label(trial)}")
        for claim, share in powers(experiment, trials).items():
            print(f"power for {claim}: {share:.0f} %")
        if experiment.claims:
            print(
                f"(the share of {SETS} synthetic sets of records, drawn with the paper's own "
                "effect, that would be judged reproduced)"
            )
        print(f"{len(trials)} trials on {trials[0].dataset}, {left} to run; nothing was run")
        if prediction:
            print(f"\n{prediction.about}")
            if prediction.rows:
                print(f"\n{tabulate(prediction.rows, headers='keys')}")


def powers(experiment: Experiment, trials: Sequence[Trial]) -> dict[str, float]:
    """The power in % for each claim that states effects, with as many seeds as the trials have."""
    seeds = 1 + max(trial.repetition for trial in trials)
    return {
        claim.id: power.rates(
            experiment,
            claim,
            power.SCENARIOS[power.PAPER],
            profile=trials[0].profile,
            sets=SETS,
            repetitions=seeds,
        ).get(REPRODUCED, 0.0)
        for claim in experiment.claims
        if claim.effects is not None
    }


def show_results(
    experiment: Experiment, trials: Sequence[Trial], store: Store, output: Output
) -> int:
    """Prints tables and verdicts, draws figures, and reports trials without a result.

    Returns:
        The number of trials without a result.
    """
    latest = store.latest()
    records = [latest[trial.key] for trial in trials if trial.key in latest]
    report = run_report.make(experiment, records)
    figures = _draw(report, store.folder)
    failed = [record for record in records if not record.done]
    missing = len(trials) - len(records)
    if output.json:
        document = {
            **_about(experiment, trials),
            "claims": {id_: verdict.as_json() for id_, verdict in report.verdicts.items()},
            "tables": [tables.as_json(section) for section in report.sections],
            "records": str(store.records_folder),
            "figures": [str(path) for path in figures],
            "trials": len(trials),
            "failed": len(failed) + missing,
        }
        print(json.dumps(document, indent=2, allow_nan=False))
    elif not output.quiet:
        print(f"\n{report.text(width=width())}\n")
        print(f"records: {store.records_folder}")
        for path in figures:
            print(f"figure:  {path}")
    _report_failures(failed, missing, len(trials))
    return len(failed) + missing


def _about(experiment: Experiment, trials: Sequence[Trial]) -> dict[str, Any]:
    trial = trials[0]
    return {
        "experiment": experiment.name,
        "dataset": trial.dataset,
        "profile": trial.profile,
        "seed": trial.seed,
    }


def _draw(report: run_report.Report, folder: Path) -> list[Path]:
    """Draw the figures and return their paths; none if the disk is full or read-only."""
    try:
        return report.draw(folder)
    except OSError as error:
        print(f"note: the figures cannot be written: {error}", file=sys.stderr)
        return []


def _report_failures(failed: Sequence[Record], missing: int, count: int) -> None:
    for error in dict.fromkeys(record.error for record in failed):
        print(f"\n{error}", file=sys.stderr)
    if failed:
        print(
            f"error: {len(failed)} of {count} trials failed, see above; "
            "the same command runs them again",
            file=sys.stderr,
        )
    if missing:
        print(
            f"error: {missing} of {count} trials left no record; the same command runs them",
            file=sys.stderr,
        )
