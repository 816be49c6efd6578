"""Error by batch size for batch, layer, group, instance and other normalizations.

Wu and He (2018): with 32 images a batch BN is best, at 2 it is far behind, and GN stays as it is.
The learning rate is proportional to the batch size and the number of epochs is the same. The other
studies are `norm_groups` (how many groups) and `norm_mlp` (LN against BN on MNIST).
"""

import itertools
import sys
from collections.abc import Mapping, Sequence

from benchmarks import norm_groups, norm_mlp
from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.spec import Params, Record
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import View, values
from benchmarks.norm_studies import main
from benchmarks.norm_training import ERROR, GUESSING, build, image_trial, last_errors, sgd
from benchmarks.norm_views import draw, table

LARGE, SMALL = 32, 2
ORDER = ("BN", "GN", "LN", "IN")  # of the paper at batch 32, the best first


def grid(settings: Params, choices: Mapping[str, str]) -> list[Params]:
    return [
        image_trial(settings, norm=norm, batch_size=size)
        for norm, sizes in settings["arms"]
        for size in sizes
    ]


def judge_small(records: Sequence[Record]) -> Verdict:
    """BN's error rises from batch 32 to 2; GN's rises by less than half of that."""
    error = {
        (norm, size): values(records, ERROR, diverged=GUESSING, norm=norm, batch_size=size)
        for norm in ("BN", "GN")
        for size in (LARGE, SMALL)
    }
    rises = {
        norm: {
            seed: error[norm, SMALL][seed] - error[norm, LARGE][seed]
            for seed in error[norm, SMALL].keys() & error[norm, LARGE].keys()
        }
        for norm in ("BN", "GN")
    }
    half = {seed: rise / 2 for seed, rise in rises["BN"].items()}
    zero = dict.fromkeys(rises["BN"], 0.0)
    return all_of(
        [
            within(
                f"BN: error at batch {SMALL} above batch {LARGE}",
                paired_difference(rises["BN"], zero),
                "pp",
                low=0,
            ),
            within(
                f"GN: error at batch {SMALL} above batch {LARGE}, less half of BN's rise",
                paired_difference(rises["GN"], half),
                "pp",
                high=0,
            ),
        ]
    )


def judge_order(records: Sequence[Record]) -> Verdict:
    """Each next of BN, GN, LN, IN has the larger error at batch 32."""
    error = {
        norm: values(records, ERROR, diverged=GUESSING, norm=norm, batch_size=LARGE)
        for norm in ORDER
    }
    return all_of(
        [
            within(
                f"batch {LARGE}: error of {worse} above {better}",
                paired_difference(error[worse], error[better]),
                "pp",
                low=0,
            )
            for better, worse in itertools.pairwise(ORDER)
        ]
    )


EXPERIMENT = Experiment(
    name="norm_batch_size",
    version=1,
    summary="error by batch size for BN, GN, LN, IN, GN+WS, FRN, GhostBN and none",
    profiles=profiles.load("norm_batch_size"),
    paper_dataset="CIFAR-10",
    grid=grid,
    build=build,
    optimizer=sgd,
    watchers=last_errors,
    datasets=("cifar10", "mnist"),
    small_steps=lambda trial: trial.params["batch_size"] <= 8,
    views=(
        View(
            axis="batch_size",
            axis_title="batch size",
            metrics={ERROR: "validation error %", "test_error": "test error %"},
            series=("norm",),
            reference=lambda params: references.load("group_normalization", "batch"),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "bn-small-batch",
            "BN degrades at small batch, GN does not (from batch 32 to 2, by less than half of BN)",
            judge_small,
        ),
        Claim("norm-order", "at batch 32 BN errs least, then GN, LN and IN", judge_order),
    ),
)

STUDIES = {
    "batch": EXPERIMENT,
    "groups": norm_groups.EXPERIMENT,
    "mlp": norm_mlp.EXPERIMENT,
}

if __name__ == "__main__":
    sys.exit(main(STUDIES))
