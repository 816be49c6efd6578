"""Dropout on MNIST: the error against the number of training images, with and without it.

Srivastava et al. (2014), Fig. 10: ReLU networks 784-1024-1024-2048-10, training sets of 100 to
50,000 images, each within the next; hidden units kept with probability .5 and inputs with .8.
"""

import sys
from collections.abc import Mapping, Sequence

from benchmarks.harness import profiles
from benchmarks.harness.cli import main
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.spec import Params, Trial
from benchmarks.harness.views import View
from benchmarks.mnist_dropout import optimizer
from benchmarks.networks import dropout_mlp

WITH, WITHOUT = "dropout", "none"


def grid(settings: Params, choices: Mapping[str, str]) -> list[Params]:
    """Arms differ in numbers alone: without dropout every unit is kept with probability 1."""
    shared = {k: v for k, v in settings.items() if k not in ("sizes", "learning_rate_without")}
    plain = {"learning_rate": settings["learning_rate_without"], "keep": 1.0, "input_keep": 1.0}
    return [
        {**shared, **arm, "train_size": size}
        for size in settings["sizes"]
        for arm in ({"arm": WITH}, {"arm": WITHOUT, **plain})
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    return dropout_mlp(
        input_shape,
        params["widths"],
        num_classes,
        keep=params["keep"],
        input_keep=params["input_keep"],
        seeds=trial.derive,
        max_norm=params["max_norm"],
        input_stddev=params["input_stddev"],
        initializer_scale=1.0,
    )


EXPERIMENT = Experiment(
    name="mnist_dataset_size",
    version=1,
    summary="test error by training-set size, with and without dropout",
    profiles=profiles.load("mnist_dataset_size"),
    paper_dataset="MNIST",
    grid=grid,
    build=build,
    optimizer=optimizer,
    views=(
        View(
            axis="train_size",
            axis_title="training images",
            metrics={"test_error": "test error %", "train_error": "train error %"},
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
