"""One command for several studies: `python -m benchmarks.norm_batch_size --study ...`."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness import cli, commands
from benchmarks.harness.experiment import Experiment


@dataclass(frozen=True)
class Command:
    """A study with a command line of its own.

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
        studies: by name.
        argv: the command line; by default the process's own.
    """
    default = next(iter(studies))
    abouts = [f"{name}: {study.summary}" for name, study in studies.items()]
    flag = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flag.add_argument(
        "--study",
        choices=studies,
        default=default,
        help=f"{'; '.join(abouts)}. Default {default}. Each has its own profiles and records",
    )
    argv = sys.argv[1:] if argv is None else argv
    chosen, others = flag.parse_known_args(argv)
    study = studies[chosen.study]
    if isinstance(study, Command):
        return commands.run(lambda: study.main(others))
    return cli.main(study, argv, [flag], entry=entry)
