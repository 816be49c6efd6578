"""Claims of Wu and He (2018) on batch sizes, judged on records of any network and data set."""

import itertools
from collections.abc import Sequence

from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import GUESSING, values
from benchmarks.norm_batch_size.devices import of_one_setup
from benchmarks.norm_batch_size.training import ERROR

LARGE, SMALL = 32, 2
ORDER = ("BN", "GN", "LN", "IN")  # the paper's order at batch 32, the lowest error first


def judge_small(records: Sequence[Record]) -> Verdict:
    """Judge whether BN's error rises from batch 32 to 2, and GN's by less than half as much."""
    where, records = of_one_setup(records)
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
                f"{where}BN: error at batch {SMALL} above batch {LARGE}",
                paired_difference(rises["BN"], zero),
                "pp",
                low=0,
            ),
            within(
                f"{where}GN: error at batch {SMALL} above batch {LARGE}, less half of BN's rise",
                paired_difference(rises["GN"], half),
                "pp",
                high=0,
            ),
        ]
    )


def judge_order(records: Sequence[Record]) -> Verdict:
    """Judge whether the error at batch 32 increases in the order BN, GN, LN, IN."""
    where, records = of_one_setup(records)
    error = {
        norm: values(records, ERROR, diverged=GUESSING, norm=norm, batch_size=LARGE)
        for norm in ORDER
    }
    return all_of(
        [
            within(
                f"{where}batch {LARGE}: error of {worse} above {better}",
                paired_difference(error[worse], error[better]),
                "pp",
                low=0,
            )
            for better, worse in itertools.pairwise(ORDER)
        ]
    )


CLAIMS = (
    Claim(
        "bn-small-batch",
        "BN degrades at small batch, GN does not (from batch 32 to 2, by less than half of BN)",
        judge_small,
    ),
    Claim("norm-order", "at batch 32 BN errs least, then GN, LN and IN", judge_order),
)
