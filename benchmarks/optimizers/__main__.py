"""`python -m benchmarks.optimizers --study ...`: Keras' optimizers on surfaces and on MNIST."""

import sys

from benchmarks.harness.experiment import Experiment
from benchmarks.harness.studies import Command, main
from benchmarks.optimizers import experiment, mnist, saddle

SUMMARY = "six optimizers; --study surfaces, saddle, mnist"
STUDIES: dict[str, Experiment | Command] = {
    "surfaces": experiment.EXPERIMENT,
    "saddle": saddle.EXPERIMENT,
    "mnist": mnist.EXPERIMENT,
}

if __name__ == "__main__":
    sys.exit(main("optimizers", STUDIES))
