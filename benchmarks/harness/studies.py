"""One command for several experiments: `python -m benchmarks.norm_batch_size --study ...`."""

import argparse
from collections.abc import Mapping, Sequence

from benchmarks.harness import cli
from benchmarks.harness.experiment import Experiment


def main(studies: Mapping[str, Experiment], argv: Sequence[str] | None = None) -> int:
    """Run the study that `--study` names, by default the first; return the exit code."""
    default = next(iter(studies))
    abouts = [f"{name}: {study.summary}" for name, study in studies.items()]
    flag = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flag.add_argument(
        "--study",
        choices=studies,
        default=default,
        help=f"{'; '.join(abouts)}. Default {default}. Each has profiles and records of its own",
    )
    study = studies[flag.parse_known_args(argv)[0].study]
    return cli.main(study, argv, [flag])
