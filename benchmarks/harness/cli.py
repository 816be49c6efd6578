"""Runs an experiment as its command line says."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import data, endings, flags, interrupts, sharing
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.leases import Leases
from benchmarks.harness.results import outcome
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store, StoreError, to_stderr
from benchmarks.harness.training import grouping, on_ray, scaling
from benchmarks.harness.training.backend import BackendError
from benchmarks.harness.training.checkpoints import Checkpoints
from benchmarks.harness.training.executors import EXECUTORS, Claim, Limits, prepare
from benchmarks.harness.training.progress import Progress

DONE, SOME_FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, endings.CODE


def main(
    experiment: Experiment,
    argv: Sequence[str] | None = None,
    parents: Sequence[argparse.ArgumentParser] = (),
    entry: str = "",
) -> int:
    """Run an experiment as the command line says, and return the exit code.

    Args:
        experiment: what to run.
        argv: the command line; by default that of the process.
        parents: parsers of flags that the caller reads; `--help` lists them, too.
        entry: the command's name in `benchmarks`; by default the experiment's name.
    """
    arguments = flags.make_parser(experiment, parents, entry or experiment.name).parse_args(argv)
    again = "the same command without --fresh" if arguments.fresh else "the same command"
    interrupted = (
        f"interrupted: finished trials are kept in {_folder(experiment, arguments)}; "
        f"{again} resumes"
    )
    pending: list[int] = []
    try:
        with interrupts.raised(interrupted) as pending:
            return _run(experiment, arguments, pending)
    except BrokenPipeError:  # the program that read the output has ended, as in `... | head`
        # Python flushes both streams at exit, so they must be writable.
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        return INTERRUPTED
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return INTERRUPTED
    except (data.DataError, StoreError, BackendError, OSError) as error:
        if pending:  # native code turned the interrupt into another error
            print(f"\n{interrupted}", file=sys.stderr)
            return INTERRUPTED
        kept = ". Finished trials are kept." if isinstance(error, OSError) else ""
        print(f"error: {error}{kept}", file=sys.stderr)
        return BAD_USAGE


def _run(experiment: Experiment, arguments: argparse.Namespace, pending: list[int]) -> int:
    say = (lambda line: None) if arguments.quiet else to_stderr
    on_cluster = arguments.executor == "ray"
    if not (arguments.dry_run or on_cluster):
        prepare(arguments.executor, experiment, int(getattr(arguments, "devices", "1")))
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
        # The user's data set is too small for the profile: use the smaller sizes of digits.
        dataset = replace(dataset, name="digits")
        trials = _trials(experiment, dataset, arguments)
    if arguments.shard:
        trials = grouping.shard(experiment, trials, *arguments.shard)
        if not trials:
            say("this shard has no trials: there are more shards than groups of trials")
            return DONE
    store = Store(_folder(experiment, arguments), say)
    output = outcome.Output(json=arguments.json, quiet=arguments.quiet)
    if arguments.dry_run:
        done = set() if arguments.fresh else store.done_keys()
        todo = [trial for trial in trials if trial.key not in done]
        prediction = arguments.nodes and scaling.predict(
            experiment, todo, store.latest().values(), arguments.nodes, dataset
        )
        outcome.show_plan(experiment, trials, done, output, prediction)
        return DONE
    checkpoints = Checkpoints(store.folder / "checkpoints", notify=say)
    if arguments.fresh:
        store.check_writable()
        store.supersede(trials)
        checkpoints.remove(trials)
    done = store.done_keys()
    todo = [trial for trial in trials if trial.key not in done]
    say(
        f"{experiment.name}: {len(trials)} trials on {dataset.title} ({dataset.source}), "
        f"{len(trials) - len(todo)} done before, {len(todo)} to run"
    )
    if todo:
        store.check_writable()
        progress = Progress(len(todo), experiment.label, arguments.quiet)
        limits = Limits(arguments.members, checkpoints)
        executor = (
            on_ray.executor(arguments.address, arguments.gpus_per_group, arguments.members)
            if on_cluster
            else functools.partial(EXECUTORS[arguments.executor], limits=limits)
        )
        _train(
            todo,
            store,
            lambda trials, claim: executor(experiment, trials, dataset, progress, claim),
            progress,
            pending,
        )
    failed = outcome.show_results(experiment, trials, store, output)
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
        if "train_size" in trial.params:  # some measurements use no data set
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
    """Train the remaining trials; other processes that use the same folder train some of them."""

    def stop_if_interrupted() -> None:
        if pending:
            raise KeyboardInterrupt

    def watched(trials: list[Trial], claim: Claim) -> Iterator[Record]:
        def claimed(group: list[Trial]) -> list[Trial]:
            stop_if_interrupted()
            taken = claim(group)
            progress.begins(taken)
            return taken

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
            f"a step takes {size * count} training images ({count} x {size}), but there are only "
            f"{trial.params['train_size']}: choose fewer devices or a larger profile"
        )


def _folder(experiment: Experiment, arguments: argparse.Namespace) -> Path:
    return Path(arguments.out) / experiment.name
