"""`python -m benchmarks.initialization --study NAME` studies initial weights."""

import sys

from benchmarks.harness.experiment import Experiment
from benchmarks.harness.studies import Command, main
from benchmarks.initialization import (
    activation_statistics,
    fitnet_signals,
    lsuv_figure,
    vanishing_gradient,
    zero_init,
)

SUMMARY = "signals and gradients at initialization, and what equal weights learn; five studies"
STUDIES: dict[str, Experiment | Command] = {
    "activation_statistics": activation_statistics.EXPERIMENT,
    "vanishing_gradient": vanishing_gradient.EXPERIMENT,
    "zero_init": zero_init.EXPERIMENT,
    "fitnet_signals": Command(fitnet_signals.SUMMARY, fitnet_signals.main),
    "lsuv_figure": Command(lsuv_figure.SUMMARY, lsuv_figure.main),
}

if __name__ == "__main__":
    sys.exit(main("initialization", STUDIES))
