"""The command line that all experiments share."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import data
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Trial
from benchmarks.harness.store import Store, StoreError
from benchmarks.harness.training import devices
from benchmarks.harness.training.backend import BackendError
from benchmarks.harness.training.executors import EXECUTORS
from benchmarks.harness.training.progress import Progress

DONE, SOME_FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(
    experiment: Experiment,
    argv: Sequence[str] | None = None,
    parents: Sequence[argparse.ArgumentParser] = (),
    entry: str = "",
) -> int:
    """Run an experiment as the command line says, and return the exit code.

    Args:
        experiment: what to run.
        argv: the command line; by default the process's own.
        parents: parsers whose flags the caller reads itself; `--help` lists them.
        entry: the command's name in `benchmarks`, if it is not the experiment's.
    """
    arguments = _parser(experiment, parents, entry or experiment.name).parse_args(argv)
    try:
        return _run(experiment, arguments)
    except (data.DataError, StoreError, BackendError) as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_USAGE
    except BrokenPipeError:  # the reader of our output has gone, as in `... | head`
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the last flush
        return INTERRUPTED
    except OSError as error:
        print(f"error: {error}. Finished trials are kept.", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        again = "the same command without --fresh" if arguments.fresh else "the same command"
        print(
            f"\ninterrupted: finished trials are kept in {_folder(experiment, arguments)}; "
            f"{again} resumes",
            file=sys.stderr,
        )
        return INTERRUPTED


def _run(experiment: Experiment, arguments: argparse.Namespace) -> int:
    say = (lambda line: None) if arguments.quiet else _to_stderr
    if not arguments.dry_run:
        devices.provide(int(getattr(arguments, "devices", "1")))
    dataset = (
        experiment.load(arguments.data_dir)
        if experiment.load
        else data.load(arguments.dataset, arguments.data_dir, say, experiment.datasets)
    )
    profile = experiment.profiles[arguments.profile]
    trials = list(
        experiment.expand(
            arguments.profile,
            dataset,
            seed=arguments.seed,
            repetitions=arguments.repetitions or profile.repetitions,
            choices={choice.name: getattr(arguments, choice.name) for choice in experiment.choices},
        )
    )
    for trial in trials:
        data.check_sizes(dataset, trial.params["train_size"], trial.params["validation_size"])
        _check_step(trial)
    store = Store(_folder(experiment, arguments))
    if arguments.dry_run:
        return _show_plan(experiment, trials, store, arguments.fresh)
    store.check_writable()
    if arguments.fresh:
        store.supersede(trials)
    done = store.done_keys()
    todo = [trial for trial in trials if trial.key not in done]
    say(
        f"{experiment.name}: {len(trials)} trials on {dataset.title} ({dataset.source}), "
        f"{len(trials) - len(todo)} done before, {len(todo)} to run"
    )
    with (
        _interrupts() as pending,
        Progress(len(todo), experiment.label, arguments.quiet) as progress,
    ):
        for record in EXECUTORS[arguments.executor](experiment, todo, dataset, progress):
            store.append(record)
            progress.finished(record)
            if pending:
                raise KeyboardInterrupt
    return _show_results(experiment, trials, store, arguments)


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Ctrl-C raises as always, and stays known where native code calls Python and swallows it."""
    pending: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # ignored, or a caller's own: as it is
        yield pending
        return

    def handler(number: int, frame: object) -> None:
        pending.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handler)
    try:
        yield pending
    finally:
        signal.signal(signal.SIGINT, before)


def _check_step(trial: Trial) -> None:
    size, count = trial.params.get("batch_size", 1), trial.params.get("devices", 1)
    if size * count > trial.params["train_size"]:
        raise data.DataError(
            f"a step takes {size * count} training images ({count} x {size}), and there are "
            f"{trial.params['train_size']}: choose fewer devices or a larger profile"
        )


def _show_plan(experiment: Experiment, trials: Sequence[Trial], store: Store, fresh: bool) -> int:
    done = set() if fresh else store.done_keys()
    for trial in trials:
        print(f"{'done' if trial.key in done else 'to do'}  {trial.key}  {experiment.label(trial)}")
    left = sum(trial.key not in done for trial in trials)
    print(f"{len(trials)} trials on {trials[0].dataset}, {left} to run; nothing was run")
    return DONE


def _show_results(
    experiment: Experiment, trials: Sequence[Trial], store: Store, arguments: argparse.Namespace
) -> int:
    latest = store.latest()
    records = [latest[trial.key] for trial in trials if trial.key in latest]
    made = run_report.make(experiment, records)
    figures = made.draw(store.folder)
    failed = [record for record in records if not record.done]
    if arguments.json:
        print(
            json.dumps(
                {
                    "experiment": experiment.name,
                    "dataset": trials[0].dataset,
                    "profile": arguments.profile,
                    "seed": arguments.seed,
                    "claims": {id_: verdict.as_json() for id_, verdict in made.verdicts.items()},
                    "records": str(store.records_folder),
                    "figures": [str(path) for path in figures],
                    "trials": len(trials),
                    "failed": len(failed),
                },
                indent=2,
            )
        )
    elif not arguments.quiet:
        print(f"\n{made.text()}\n")
        print(f"records: {store.records_folder}")
        for path in figures:
            print(f"figure:  {path}")
    for error in dict.fromkeys(record.error for record in failed):
        print(f"\n{error}", file=sys.stderr)
    if failed:
        print(
            f"error: {len(failed)} of {len(trials)} trials failed, as told above; "
            "the same command tries them again",
            file=sys.stderr,
        )
        return SOME_FAILED
    return DONE


def _parser(
    experiment: Experiment, parents: Sequence[argparse.ArgumentParser], entry: str
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        parents=parents,
        prog=f"python -m benchmarks.{entry}",
        description=experiment.summary,
        epilog="exit codes: 0 done, 1 some trial failed, 2 bad usage or input, 130 interrupted",
    )
    add = parser.add_argument
    for choice in experiment.choices:
        default = choice.values[0]
        about = f"{choice.help}; default {default}"
        add(f"--{choice.name}", choices=choice.values, default=default, help=about)
    add(
        "--profile",
        choices=experiment.profiles,
        default="quick",
        help="smoke: a minute; quick (the default): about ten minutes on two cores; gpu: planned "
        "for twenty minutes on a data-centre GPU; paper: the published architecture",
    )
    add(
        "--dataset",
        choices=("auto", *data.NAMES),
        default="auto",
        help="auto (the default): the first that can be had of "
        f"{', '.join([*experiment.datasets, 'digits'])}",
    )
    add("--data-dir", metavar="DIR", help="the folder that holds the data set")
    add("--repetitions", type=_positive, metavar="N", help="seeds per arm, if not the profile's")
    add("--seed", type=int, default=0, metavar="N", help="base seed of all randomness; default 0")
    add(
        "--executor",
        choices=EXECUTORS,
        default="auto",
        help="in-process: one trial after another; population: trials of one structure together, "
        "without times of their own; auto (the default): population where it pays",
    )
    add("--out", default="results", metavar="DIR", help="results folder; the same one resumes")
    add("--fresh", action="store_true", help="run all trials anew; old records stay, not counted")
    add("--dry-run", action="store_true", help="list the trials and run none")
    add("--json", action="store_true", help="print verdicts and paths as JSON")
    add("--quiet", action="store_true", help="print errors only")
    return parser


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number of at least 1 is wanted. Received: {text!r}")
    return number


def _folder(experiment: Experiment, arguments: argparse.Namespace) -> Path:
    return Path(arguments.out) / experiment.name


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
