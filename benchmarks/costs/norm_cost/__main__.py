"""`python -m benchmarks.costs.norm_cost` runs the experiment."""

import sys

from benchmarks.costs.norm_cost.experiment import EXPERIMENT
from benchmarks.harness.cli import main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT, entry="costs.norm_cost"))
