"""What Wu and He (2018) say of batch sizes, as predicates over records of any network and data."""

import itertools
from collections.abc import Sequence

from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import values
from benchmarks.norm_batch_size.devices import of_one_setup
from benchmarks.norm_batch_size.training import ERROR, GUESSING

LARGE, SMALL = 32, 2
ORDER = ("BN", "GN", "LN", "IN")  # of the paper at batch 32, the best first


def judge_small(records: Sequence[Record]) -> Verdict:
    """BN's error rises from batch 32 to 2; GN's rises by less than half of that."""
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
    """Each next of BN, GN, LN, IN has the larger error at batch 32."""
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
