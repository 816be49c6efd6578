"""Measures what the harness costs: times a trial against a bare `model.fit` of the same network.

Each arm builds, compiles and trains the network of `mnist_dropout` (keep .5) for the same number of
updates, and measures the final training, validation and test error. Arms take turns in one run, so
that a slow minute of the machine affects all of them.
"""

import functools
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from benchmarks import mnist_dropout
from benchmarks.costs.turns import ratio, take_turns
from benchmarks.harness import commands, data
from benchmarks.harness.env import described, environment
from benchmarks.harness.spec import Trial
from benchmarks.harness.store import Store
from benchmarks.harness.training.scoring import score

SUMMARY = "time of a trial in the harness against a bare fit of the same network"


def bare(trial: Trial, dataset: data.Dataset, curves: bool) -> None:
    """Train as a user would without the harness, on the trial's split."""
    import keras

    from benchmarks.harness.training.backend import jit_compile

    params = trial.params
    parts = data.split(
        dataset,
        train_size=params["train_size"],
        validation_size=params["validation_size"],
        seed=trial.derive("split"),
    )
    keras.utils.clear_session()
    model = mnist_dropout.build(trial, parts.train.x.shape[1:], dataset.num_classes)
    model.compile(
        optimizer=mnist_dropout.optimizer(trial),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile(),
    )
    limit = params["curve_examples"]
    steps = params["train_size"] // params["batch_size"]
    epochs = max(params["updates"] // steps, 1)
    validation = (parts.validation.x[:limit], parts.validation.y[:limit]) if curves else None
    model.fit(
        parts.train.x[: steps * params["batch_size"]],
        parts.train.y[: steps * params["batch_size"]],
        batch_size=params["batch_size"],
        epochs=epochs,
        validation_data=validation,
        validation_batch_size=1000,
        validation_freq=max(epochs // params["points"], 1),
        verbose=0,
    )
    for part in (parts.train, parts.validation, parts.test):
        score(model.predict_on_batch, part)


def trial_in_harness(trial: Trial, dataset: data.Dataset, folder: str) -> None:
    """Run the trial in the harness, and store its record."""
    from benchmarks.harness.training.trainer import Trainer

    record = Trainer(mnist_dropout.EXPERIMENT, dataset)(trial)
    Store(folder).append(record)


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("costs.overhead", __doc__)
    parser.add_argument("--profile", default="quick", choices=mnist_dropout.EXPERIMENT.profiles)
    parser.add_argument("--dataset", default="auto", choices=("auto", *data.NAMES))
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument(
        "--rounds", type=int, default=5, help="timed rounds, after one warm-up round"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the table to FILE")
    arguments = parser.parse_args(argv)
    dataset = data.load(arguments.dataset, arguments.data_dir)
    trials = mnist_dropout.EXPERIMENT.expand(
        arguments.profile, dataset, seed=0, repetitions=1, choices={"sweep": "n"}
    )
    trial = next(trial for trial in trials if trial.params["keep"] == 0.5)
    plain = replace(trial, params={**trial.params, "curve_examples": 0})
    with tempfile.TemporaryDirectory() as folder:
        arms = {
            "bare fit": functools.partial(bare, trial, dataset, False),
            "trial without curves": functools.partial(trial_in_harness, plain, dataset, folder),
            "bare fit with validation curve": functools.partial(bare, trial, dataset, True),
            "trial with both curves": functools.partial(trial_in_harness, trial, dataset, folder),
        }
        times = take_turns(arms, arguments.rounds)
    text = page(f"{arguments.profile} profile on {dataset.title}", times)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0


def page(setting: str, times: dict[str, list[float]]) -> str:
    """The measurement as Markdown, with the times of every round."""
    from benchmarks.harness.training import backend

    ran = environment(backend.name())
    rows = [
        (
            name,
            statistics.median(spent),
            ratio(times, name, "bare fit"),
            " ".join(f"{a:.1f}" for a in spent),
        )
        for name, spent in times.items()
    ]
    headers = ("arm", "median s", "median ratio to bare fit", "rounds, s")
    return "\n\n".join(
        [
            "# What the harness costs",
            f"Written by `python -m benchmarks.costs.overhead`: mnist_dropout, keep .5, {setting}, "
            f"on {described(ran, 'keras', ran['backend'])}.",
            tabulate(rows, headers, tablefmt="pipe", floatfmt=".3f"),
        ]
    )


if __name__ == "__main__":
    sys.exit(commands.run(main))
