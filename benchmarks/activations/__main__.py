"""`python -m benchmarks.activations` checks or shows the catalogue of activation functions."""

import sys

from benchmarks.activations import experiment, page
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.studies import Command, main

SUMMARY = "checks every cell of the catalogue of activation functions, or shows it as a page"
STUDIES: dict[str, Experiment | Command] = {
    "table": experiment.EXPERIMENT,
    "page": Command(page.SUMMARY, page.main),
}

if __name__ == "__main__":
    sys.exit(main("activations", STUDIES))
