"""`python -m benchmarks.preprocessing`."""

import sys

from benchmarks.harness.cli import main
from benchmarks.preprocessing.experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
