"""Dead units on MNIST: how many die, by learning rate and activation.

The claim: with too high a learning rate up to 40 % of ReLU units are dead on the whole training
set; leaky ReLU and ELU do not die. A ReLU counts as dead if it fires for no training image. A unit
of any kind counts as cut off if its bias had a zero gradient in all batches between two points of
the learning curves.
"""

import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.cli import main
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import Interval, mean_interval
from benchmarks.harness.views import View, groups, values

RELU = "relu"


def grid(settings: Params) -> list[Params]:
    lists = ("learning_rates", "activations")
    shared = {name: value for name, value in settings.items() if name not in lists}
    return [
        {**shared, "activation": activation, "learning_rate": rate}
        for activation in settings["activations"]
        for rate in settings["learning_rates"]
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    import keras

    def dense(units: int, layer: int, activation: str | None = None):
        seed = trial.derive("init", layer=layer)
        initializer = keras.initializers.HeNormal(seed=seed)
        return keras.layers.Dense(units, activation, kernel_initializer=initializer)

    widths = trial.params["widths"]
    hidden = [dense(width, i, trial.params["activation"]) for i, width in enumerate(widths)]
    flat = [keras.Input(tuple(input_shape)), keras.layers.Flatten()]
    return keras.Sequential([*flat, *hidden, dense(num_classes, len(widths))])


def optimizer(trial: Trial):
    import keras

    from keras_ddl.optimizers import Instrumented

    sgd = keras.optimizers.SGD(trial.params["learning_rate"], momentum=0.9)
    return Instrumented(sgd, every=trial.params["updates"])  # the norms it measures are not used


def watchers(trial: Trial, data):
    import keras

    from keras_ddl.callbacks import DeadReLUCounter

    class CutOff(keras.callbacks.Callback):
        """Logs the % of hidden units whose bias had a zero gradient in the whole epoch."""

        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.reset()

        def on_epoch_end(self, epoch, logs=None):
            moved = [m["moved"] for m in self.model.optimizer.measurements() if "moved" in m]
            hidden = np.concatenate(moved[:-1])  # without the output layer
            logs["cut_off"] = 100 * (1 - hidden.mean())

    class DeadPercent(DeadReLUCounter):
        """Logs the % of dead units."""

        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch)
            dead = np.concatenate([*self.history[-1].values()])
            logs["dead"] = 100 * dead.mean()

    if trial.params["activation"] != RELU:
        return [CutOff()]
    return [CutOff(), DeadPercent("data", data.train.x, examples="all")]


def _shares(records: Sequence[Record], metric: str, activation: str) -> dict[float, Interval]:
    """The mean share by learning rate, for learning rates at which some run did not diverge."""
    by_rate = {
        rate: values(records, metric, activation=activation, learning_rate=rate)
        for (rate,) in groups(records, ("learning_rate",))
    }
    return {rate: mean_interval([*seeds.values()]) for rate, seeds in by_rate.items() if seeds}


def _largest(shares: dict[float, Interval]) -> tuple[float | None, Interval]:
    """The learning rate with the largest share, and that share."""
    if not shares:
        return None, mean_interval([])
    return max(shares.items(), key=lambda pair: pair[1].mean)


def judge(records: Sequence[Record]) -> Verdict:
    """Judge whether a learning rate kills 40 % of the ReLUs, and cuts off no units of other kinds.

    At the lowest learning rate few ReLUs may be dead, so that the learning rate is the cause.
    """
    dead = _shares(records, "dead", RELU)
    rate, share = _largest(dead)
    least, lowest = min(dead.items(), default=(None, mean_interval([])))
    findings = [
        within(f"dead ReLU units at learning rate {rate}, the most", share, "%", low=40),
        within(f"dead ReLU units at learning rate {least}, the least", lowest, "%", high=5),
    ]
    for activation in sorted({record.trial.params["activation"] for record in records} - {RELU}):
        rate, share = _largest(_shares(records, "cut_off", activation))
        what = f"units of {activation} cut off at learning rate {rate}, the most"
        findings.append(within(what, share, "%", high=1))
    return all_of(findings)


EXPERIMENT = Experiment(
    name="dead_relu",
    version=1,
    summary="share of dead units by learning rate and activation",
    profiles=profiles.load("dead_relu"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=build,
        optimizer=optimizer,
        watchers=watchers,
    ),
    views=(
        View(
            axis="learning_rate",
            axis_title="learning rate",
            metrics={
                "cut_off": "units without gradient %",
                "dead": "units that never fire %",
                "test_error": "test error %",
            },
            curves={"cut_off": "units without gradient %", "loss": "training loss"},
            split_by=("activation",),
        ),
    ),
    claims=(
        Claim(
            "dead-40",
            "with too high a learning rate up to 40 % of ReLU units are dead on the whole training "
            "set; leaky ReLU and ELU do not die",
            judge,
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
