"""`python -m benchmarks.mnist_dataset_size` runs the experiment."""

import sys

from benchmarks.harness.cli import main
from benchmarks.mnist_dataset_size.experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
