"""Dead units on MNIST: how many die, by learning rate and activation.

The claim: with too high a learning rate up to 40 % of ReLU units are dead on the whole training
set; leaky ReLU, ELU and maxout do not die. A unit counts as dead if its output is the same for all
training images: a ReLU that never fires, an ELU that is saturated everywhere. A learning rate is
too high for a kind of unit if any of its runs diverges; the shares are compared at the largest rate
that is not.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.cli import main
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Metrics, Training
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import View, arm, groups, values

RELU, MAXOUT = "relu", "maxout"
ABOUT = (30.0, 50.0)  # % that count as "up to 40 %"
NONE = 1.0  # % of dead units that count as none


def grid(settings: Params) -> list[Params]:
    lists = ("learning_rates", "activations")
    shared = without(settings, *lists)
    return [
        {**shared, "activation": activation, "learning_rate": rate}
        for activation in settings["activations"]
        for rate in settings["learning_rates"]
    ]


def structure(params: Params) -> Params:
    """Activations and learning rates train together."""
    return without(params, "activation", "learning_rate")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    import keras

    from keras_ddl.layers import MaxoutDense

    def dense(units: int, layer: int, activation: str | None = None):
        seed = trial.derive("init", layer=layer)
        initializer = keras.initializers.HeNormal(seed=seed)
        if activation == MAXOUT:
            return MaxoutDense(units, num_pieces=2, kernel_initializer=initializer)
        return keras.layers.Dense(units, activation, kernel_initializer=initializer)

    widths = trial.params["widths"]
    hidden = [dense(width, i, trial.params["activation"]) for i, width in enumerate(widths)]
    flat = [keras.Input(tuple(input_shape)), keras.layers.Flatten()]
    return keras.Sequential([*flat, *hidden, dense(num_classes, len(widths))])


def optimizer(trial: Trial):
    import keras

    return keras.optimizers.SGD(trial.params["learning_rate"], momentum=0.9)


def probe(trial: Trial, model, split) -> Metrics:
    """The % of hidden units whose output is the same for all training images."""
    import keras

    hidden = [layer.output for layer in model.layers[1:-1]]  # without Flatten and the logits
    outputs = keras.Model(model.inputs[0], hidden)(split.train.x, training=False)
    constant = []
    for output in outputs:
        units = keras.ops.convert_to_numpy(output)
        constant.append(~(units.max(axis=0) > units.min(axis=0)))
    return {"dead": float(100 * np.concatenate(constant).mean())}


def largest_rate(records: Sequence[Record], activation: str) -> float | None:
    """The largest learning rate at which no run of an activation diverged."""
    rates = groups(arm(records, activation=activation), ("learning_rate",))
    survived = [
        rate for (rate,), found in rates.items() if all(record.status == "ok" for record in found)
    ]
    return max(survived, default=None)


def judge(records: Sequence[Record]) -> Verdict:
    """Judge the share of dead units of each kind at the largest rate at which all seeds survive.

    At the lowest learning rate few ReLUs may be dead, so that the learning rate is the cause.
    """
    activations = [name for (name,) in groups(records, ("activation",))]
    least = min((record.trial.params["learning_rate"] for record in records), default=None)

    def finding(activation: str, rate: float | None, which: str, **bounds: Any):
        dead = values(records, "dead", activation=activation, learning_rate=rate)
        what = f"dead units of {activation} at learning rate {rate}, {which}"
        return within(what, mean_interval([*dead.values()]), "%", **bounds)

    largest = "the largest at which all seeds survive"
    low, high = ABOUT
    return all_of(
        [
            finding(RELU, largest_rate(records, RELU), largest, low=low, high=high),
            finding(RELU, least, "the least", high=5),
            *(
                finding(other, largest_rate(records, other), largest, high=NONE)
                for other in activations
                if other != RELU
            ),
        ]
    )


def expected(params: Params, effect: float) -> dict[str, float]:
    """40 % of the ReLUs are dead at the highest rate, none at the least, and none of the others."""
    if params["activation"] != RELU:
        return {"dead": toward(effect, 0.0, NONE)}
    low = params["learning_rate"] < 0.05
    return {"dead": toward(effect, 1.0, 5.0) if low else toward(effect, 40.0, ABOUT[0])}


def noise(params: Params) -> dict[str, float]:
    return {"dead": 8.0 if params["activation"] == RELU and params["learning_rate"] > 0.05 else 0.3}


EXPERIMENT = Experiment(
    name="dead_relu",
    version=2,  # 2: a unit is dead if its output is constant, for all activations
    summary="share of dead units by learning rate and activation",
    profiles=profiles.load("dead_relu"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=build,
        optimizer=optimizer,
        structure=structure,
        probe=probe,
    ),
    views=(
        View(
            axis="learning_rate",
            axis_title="learning rate",
            metrics={
                "dead": "dead units %",
                "train_error": "train error %",
                "test_error": "test error %",
            },
            curves={"dead": "dead units %", "loss": "training loss"},
            split_by=("activation",),
        ),
    ),
    claims=(
        Claim(
            "dead-40",
            "with too high a learning rate up to 40 % (30 to 50: ours) of ReLU units are dead on "
            "the whole training set; leaky ReLU, ELU and maxout do not die",
            judge,
            Effects(expected, noise, source="the lecture's 40 %; noise: earlier records"),
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
