"""The flags that all experiments share."""

import argparse
import math
from collections.abc import Sequence

from benchmarks.harness import data
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.training.executors import EXECUTORS

MOST_REPETITIONS = 10_000
MOST_NODES = 1_000_000


def make_parser(
    experiment: Experiment, parents: Sequence[argparse.ArgumentParser], entry: str
) -> argparse.ArgumentParser:
    """The parser of an experiment's command line.

    Args:
        experiment: the experiment. Its `choices` are flags, too.
        parents: parsers of further flags.
        entry: the command's name in `benchmarks`.
    """
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
        help="smoke: a minute; quick (the default): about ten minutes on two cores; night: the "
        "published architecture in a night on two cores; gpu: planned for twenty minutes on a "
        "data-centre GPU; paper: the published set-up",
    )
    add(
        "--dataset",
        default="auto",
        metavar="NAME|PATH",
        help=f"{', '.join(data.NAMES)}; or auto (the default): the first one available of "
        f"{', '.join([*experiment.datasets, 'digits'])}; or the path of your own images "
        "(docs/benchmarks.md lists the accepted forms)",
    )
    add("--data-dir", metavar="DIR", help="the folder that holds the data set")
    add(
        "--repetitions",
        type=_repetitions,
        metavar="N",
        help="seeds per arm; default: the number that the profile states",
    )
    add("--seed", type=int, default=0, metavar="N", help="base seed of all randomness; default 0")
    add(
        "--executor",
        choices=(*EXECUTORS, "ray"),
        default="auto",
        help="in-process: one trial after another; population: trials with the same model "
        "structure train together and have no separate times; auto (the default): population "
        "where it is faster; ray: groups of trials train on the machines of a Ray cluster "
        "(docs/cluster.md)",
    )
    add(
        "--address",
        metavar="HOST:PORT",
        help="the Ray cluster of --executor ray, or auto for the one that runs on this machine; "
        "by default Ray starts one on this machine for the run",
    )
    add(
        "--gpus-per-group",
        type=_gpus,
        metavar="X",
        help="GPUs that a group of trials occupies on the Ray cluster; 0: groups train on "
        "processors; default: 1 if the cluster has GPUs, else 0",
    )
    add(
        "--members",
        type=_members,
        metavar="N",
        help="the largest number of trials that train together; default: 16 on a CPU, 64 on a GPU. "
        "Small groups leave their records earlier",
    )
    add(
        "--out",
        type=_path,
        default="results",
        metavar="DIR",
        help="results folder, default results; a run that uses an earlier run's folder resumes it, "
        "and several processes that use one folder share its trials",
    )
    add(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="run the I-th of N parts of the trials, for example as one job of a job array",
    )
    add(
        "--fresh",
        action="store_true",
        help="run all trials again; old records stay on the disk but no longer count",
    )
    add("--dry-run", action="store_true", help="list the trials and run none")
    add(
        "--nodes",
        type=_counts,
        metavar="N[,N...]",
        help="with --dry-run: predict how long the trials take on N machines or GPUs, from the "
        "groups that --out has timed; for example 1,8,64,512",
    )
    add("--json", action="store_true", help="print tables, verdicts and paths as JSON")
    add("--quiet", action="store_true", help="print errors only; with --json, the JSON too")
    return parser


def _repetitions(text: str) -> int:
    number = _members(text)
    if number > MOST_REPETITIONS:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of at most {MOST_REPETITIONS}. Received: {text!r}"
        )
    return number


def _members(text: str) -> int:
    number = int(text[:20]) if text.isdecimal() else 0  # int() refuses thousands of digits
    if number < 1:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of at least 1. Received: {text!r}"
        )
    return number


def _gpus(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number in (0.0, 0.5, 0.25) or (number.is_integer() and number >= 1)):
        raise argparse.ArgumentTypeError(
            f"must be 0, 0.25, 0.5 or a whole number. Received: {text!r}"
        )
    return number


def _counts(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part[:20]) <= MOST_NODES for part in parts):
        raise argparse.ArgumentTypeError(
            f"must be numbers from 1 to {MOST_NODES}, separated by commas. Received: {text!r}"
        )
    return tuple(map(int, parts))


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"must be I/N with 1 <= I <= N. Received: {text!r}")
    return int(index), int(count)


def _path(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"must be the path of a folder. Received: {text!r}")
    return text
