"""`python -m benchmarks.ensembles`: dropout and explicit ensembles."""

import sys

from benchmarks.ensembles.experiment import EXPERIMENT
from benchmarks.harness.cli import main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
