"""One run on MNIST whose rising learning rate kills units, and the report that shows it.

The network is that of `benchmarks.dead_relu` in the quick profile. SGD with momentum .9 trains it
while the learning rate rises from .02 to .4. Callbacks of `keras_ddl.callbacks` observe the run.
One of them, `TrainingReport`, writes an HTML page and a PNG to `--out`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import dead_relu
from benchmarks.harness import commands, data
from benchmarks.harness.env import ROOT
from benchmarks.harness.spec import Trial

SUMMARY = "one run whose learning rate kills ReLU units, and its TrainingReport"
EPOCHS = 20
RATES = (0.02, 0.4)


def train(dataset: data.Dataset, path: Path, epochs: int = EPOCHS) -> None:
    import keras

    from keras_ddl.callbacks import (
        ActivationStats,
        DeadReLUCounter,
        GradientStats,
        LearningRateSchedule,
        TrainingReport,
    )
    from keras_ddl.schedules import LinearDecay

    params = {
        **dead_relu.EXPERIMENT.profiles["quick"].settings_for(dataset.name),
        "activation": dead_relu.RELU,
    }
    trial = Trial("dead_relu_run", 1, "quick", dataset.title, dataset.fingerprint, 0, 0, params)
    keras.utils.set_random_seed(trial.derive("order"))
    split = data.split(
        dataset,
        train_size=params["train_size"],
        validation_size=params["validation_size"],
        seed=trial.derive("split"),
    )
    x, y = split.train.x, split.train.y
    model = dead_relu.build(trial, x.shape[1:], dataset.num_classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATES[0], momentum=0.9), loss, metrics=["accuracy"])

    steps = epochs * -(-len(x) // params["batch_size"])
    dead = DeadReLUCounter("data", x, examples="all", warn_above=0.1)
    gradients = GradientStats()
    title = f"{dataset.title}: the learning rate climbs from {RATES[0]} to {RATES[1]}"
    callbacks = [
        LearningRateSchedule(LinearDecay(RATES[0], steps, final_value=RATES[1])),
        dead,
        gradients,
        ActivationStats(x[:500]),
        TrainingReport(path, monitors=[dead, gradients], title=title),
    ]
    model.fit(
        x,
        y,
        batch_size=params["batch_size"],
        epochs=epochs,
        validation_data=(split.validation.x, split.validation.y),
        verbose=0,
        callbacks=callbacks,
    )
    print(dead.table())


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("dead_relu_run", __doc__)
    parser.add_argument("--dataset", default="auto", help="mnist, digits, ...; default: auto")
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    default = ROOT / "docs" / "results" / "dead_relu" / "run.html"
    parser.add_argument("--out", type=Path, metavar="FILE", default=default)
    arguments = parser.parse_args(argv)
    dataset = data.load(arguments.dataset, arguments.data_dir)
    train(dataset, arguments.out, arguments.epochs)
    print(f"wrote {arguments.out} and {arguments.out.with_suffix('.png')}")
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
