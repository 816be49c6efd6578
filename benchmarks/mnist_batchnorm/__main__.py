"""`python -m benchmarks.mnist_batchnorm --study ...`: what batch normalization does on MNIST."""

import sys

from benchmarks.harness.studies import main
from benchmarks.mnist_batchnorm import curve, gap, placement, rates

SUMMARY = "batch normalization on MNIST; --study curve, rates, gap, placement"
STUDIES = {
    "curve": curve.EXPERIMENT,
    "rates": rates.EXPERIMENT,
    "gap": gap.EXPERIMENT,
    "placement": placement.EXPERIMENT,
}

if __name__ == "__main__":
    sys.exit(main("mnist_batchnorm", STUDIES))
