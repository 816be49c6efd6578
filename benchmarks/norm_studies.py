"""`python -m benchmarks.norm_batch_size --study ...`: one command for the normalization studies."""

import argparse
from collections.abc import Sequence

from benchmarks import norm_batch_size, norm_groups, norm_mlp
from benchmarks.harness import cli
from benchmarks.harness.experiment import Experiment

STUDIES: dict[str, Experiment] = {
    "batch": norm_batch_size.EXPERIMENT,
    "groups": norm_groups.EXPERIMENT,
    "mlp": norm_mlp.EXPERIMENT,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study that `--study` names."""
    flag = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flag.add_argument(
        "--study",
        choices=STUDIES,
        default="batch",
        help="batch (the default): norms by batch size; groups: GN by its groups; mlp: LN and BN "
        "in a multilayer perceptron on MNIST. Each has records and profiles of its own",
    )
    study = flag.parse_known_args(argv)[0].study
    return cli.main(STUDIES[study], argv, [flag])
