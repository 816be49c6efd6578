"""A command with several studies, such as `python -m benchmarks.norm_batch_size --study mlp`."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness import cli, commands
from benchmarks.harness.experiment import Experiment


@dataclass(frozen=True)
class Command:
    """A study that is not an experiment and parses its command line itself.

    Args:
        summary: one line for `--help`.
        main: `(argv) -> exit code`.
    """

    summary: str
    main: Callable[[Sequence[str]], int]


def main(
    entry: str, studies: Mapping[str, Experiment | Command], argv: Sequence[str] | None = None
) -> int:
    """Run the study that `--study` names, by default the first; return the exit code.

    Args:
        entry: the name of the command in `benchmarks`.
        studies: the studies by name.
        argv: the command line; by default that of the process.
    """
    default = next(iter(studies))
    summaries = [f"{name}: {study.summary}" for name, study in studies.items()]
    flag = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flag.add_argument(
        "--study",
        choices=studies,
        default=default,
        help=f"{'; '.join(summaries)}. Default {default}. Each study has separate profiles and "
        "records",
    )
    argv = sys.argv[1:] if argv is None else argv
    chosen, others = flag.parse_known_args(argv)
    study = studies[chosen.study]
    if isinstance(study, Command):
        return commands.run(lambda: study.main(others))
    return cli.main(study, argv, [flag], entry=entry)
