"""The command line that all experiments share."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import data, endings, interrupts, sharing
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.leases import Leases
from benchmarks.harness.results import outcome
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store, StoreError, to_stderr
from benchmarks.harness.training import backend, devices, grouping
from benchmarks.harness.training.backend import BackendError
from benchmarks.harness.training.executors import EXECUTORS, Claim, trains_together
from benchmarks.harness.training.progress import Progress

DONE, SOME_FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, endings.CODE
MOST_REPETITIONS = 10_000


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
    again = "the same command without --fresh" if arguments.fresh else "the same command"
    interrupted = (
        f"interrupted: finished trials are kept in {_folder(experiment, arguments)}; "
        f"{again} resumes"
    )
    pending: list[int] = []
    try:
        with interrupts.raised(interrupted) as pending:
            return _run(experiment, arguments, pending)
    except BrokenPipeError:  # the reader of our output has gone, as in `... | head`
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the last flush
        return INTERRUPTED
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return INTERRUPTED
    except (data.DataError, StoreError, BackendError, OSError) as error:
        if pending:  # native code made another error of the interrupt
            print(f"\n{interrupted}", file=sys.stderr)
            return INTERRUPTED
        kept = ". Finished trials are kept." if isinstance(error, OSError) else ""
        print(f"error: {error}{kept}", file=sys.stderr)
        return BAD_USAGE


def _run(experiment: Experiment, arguments: argparse.Namespace, pending: list[int]) -> int:
    say = (lambda line: None) if arguments.quiet else to_stderr
    if not arguments.dry_run:
        count = int(getattr(arguments, "devices", "1"))
        if count == 1 and trains_together(arguments.executor, experiment):
            backend.use_cores()
        devices.provide(count)
        backend.start()
    dataset = (
        experiment.load(arguments.data_dir)
        if experiment.load
        else data.load(arguments.dataset, arguments.data_dir, say, experiment.datasets)
    )
    try:
        trials = _trials(experiment, dataset, arguments)
    except data.DataError:
        if dataset.name != "own":
            raise
        dataset = replace(dataset, name="digits")  # fewer images: the sizes that suit digits
        trials = _trials(experiment, dataset, arguments)
    if arguments.shard:
        trials = grouping.shard(experiment, trials, *arguments.shard)
        if not trials:
            say("this shard has no trials: there are more shards than groups of trials")
            return DONE
    store = Store(_folder(experiment, arguments), say)
    shown = outcome.Shown(json=arguments.json, quiet=arguments.quiet)
    if arguments.dry_run:
        outcome.show_plan(
            experiment, trials, set() if arguments.fresh else store.done_keys(), shown
        )
        return DONE
    if arguments.fresh:
        store.check_writable()
        store.supersede(trials)
    done = store.done_keys()
    todo = [trial for trial in trials if trial.key not in done]
    say(
        f"{experiment.name}: {len(trials)} trials on {dataset.title} ({dataset.source}), "
        f"{len(trials) - len(todo)} done before, {len(todo)} to run"
    )
    if todo:
        store.check_writable()
        progress = Progress(len(todo), experiment.label, arguments.quiet)
        executor = EXECUTORS[arguments.executor]
        _train(
            todo,
            store,
            lambda trials, claim: executor(experiment, trials, dataset, progress, claim),
            progress,
            pending,
        )
    failed = outcome.show_results(experiment, trials, store, shown)
    return SOME_FAILED if failed else DONE


def _trials(
    experiment: Experiment, dataset: data.Dataset, arguments: argparse.Namespace
) -> list[Trial]:
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
        if "train_size" in trial.params:  # measurements may do without data
            data.check_sizes(dataset, trial.params["train_size"], trial.params["validation_size"])
            _check_step(trial)
    return trials


def _train(
    todo: list[Trial],
    store: Store,
    execute: Callable[[list[Trial], Claim], Iterator[Record]],
    progress: Progress,
    pending: list[int],
) -> None:
    """Trains what is left, together with other processes on the same folder."""

    def stop_if_interrupted() -> None:
        if pending:
            raise KeyboardInterrupt

    def watched(trials: list[Trial], claim: Claim) -> Iterator[Record]:
        def claimed(group: list[Trial]) -> list[Trial]:
            stop_if_interrupted()
            own = claim(group)
            progress.begins(own)
            return own

        return execute(trials, claimed)

    with Leases(store.folder / "leases") as leases, progress:
        for record in sharing.run(
            watched, todo, store, leases, notify=progress.note, elsewhere=progress.elsewhere
        ):
            progress.finished(record)
            stop_if_interrupted()


def _check_step(trial: Trial) -> None:
    size, count = trial.params.get("batch_size", 1), trial.params.get("devices", 1)
    if size * count > trial.params["train_size"]:
        raise data.DataError(
            f"a step takes {size * count} training images ({count} x {size}), and there are "
            f"{trial.params['train_size']}: choose fewer devices or a larger profile"
        )


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
        default="auto",
        metavar="NAME|PATH",
        help=f"{', '.join(data.NAMES)}; or auto (the default): the first that can be had of "
        f"{', '.join([*experiment.datasets, 'digits'])}; or the path of your own images "
        "(docs/benchmarks.md says in which forms)",
    )
    add("--data-dir", metavar="DIR", help="the folder that holds the data set")
    add("--repetitions", type=_repetitions, metavar="N", help="seeds per arm, if not the profile's")
    add("--seed", type=int, default=0, metavar="N", help="base seed of all randomness; default 0")
    add(
        "--executor",
        choices=EXECUTORS,
        default="auto",
        help="in-process: one trial after another; population: trials of one structure together, "
        "without times of their own; auto (the default): population where it pays",
    )
    add(
        "--out",
        type=_path,
        default="results",
        metavar="DIR",
        help="results folder, default results; the same one resumes, and several processes that "
        "use it share the trials",
    )
    add(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="run the I-th of N parts of the trials, as for job arrays",
    )
    add("--fresh", action="store_true", help="run all trials anew; old records stay, not counted")
    add("--dry-run", action="store_true", help="list the trials and run none")
    add("--json", action="store_true", help="print tables, verdicts and paths as JSON")
    add("--quiet", action="store_true", help="print errors only, and --json if it is given")
    return parser


def _repetitions(text: str) -> int:
    number = int(text[:20]) if text.isdecimal() else 0  # int() refuses thousands of digits
    if number > MOST_REPETITIONS:
        raise argparse.ArgumentTypeError(
            f"a number of at most {MOST_REPETITIONS} is wanted. Received: {text!r}"
        )
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number of at least 1 is wanted. Received: {text!r}")
    return number


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"I/N with 1 <= I <= N is wanted. Received: {text!r}")
    return int(index), int(count)


def _path(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"the path of a folder is wanted. Received: {text!r}")
    return text


def _folder(experiment: Experiment, arguments: argparse.Namespace) -> Path:
    return Path(arguments.out) / experiment.name
