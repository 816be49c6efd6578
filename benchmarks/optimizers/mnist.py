"""Optimizers on images whose pixels are scaled to [0, 1] and not centred.

Softmax regression and a small ReLU network, each trained by six optimizers with every learning rate
of one grid. A rate is chosen for each optimizer by the mean validation loss over all seeds; a run
that diverged rules a rate out. All other constants are Keras' defaults, and momentum is .9. The
network "2c2d", for the `paper` profile, is that of DeepOBS: two convolutions and two dense layers.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.references import Reference
from benchmarks.harness.results.tables import cell, published
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import Choice, best
from benchmarks.harness.views import Section, Table, View, arm, groups, values
from benchmarks.optimizers.methods import METHODS, optimizer
from benchmarks.optimizers.views import COLOURS

LOWER = 0.02  # log10 of the training loss: about 5 % lower


def grid(settings: Params) -> list[Params]:
    rest = without(settings, "networks", "log10_rates")
    return [
        {**rest, "network": network, "optimizer": method, "learning_rate": float(f"{10**rate:.3g}")}
        for network in settings["networks"]
        for method in METHODS
        for rate in settings["log10_rates"]
    ]


def structure(params: Params) -> Params:
    """All learning rates of an optimizer are one computation."""
    return without(params, "learning_rate")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    import keras
    from keras import layers

    def kernels(place: int):
        return keras.initializers.GlorotUniform(seed=trial.derive("kernel", layer=place))

    hidden = {
        "softmax regression": [],
        "one hidden layer": [("dense", 100)],
        "2c2d": [("convolution", 32), ("convolution", 64), ("dense", 1024)],
    }[trial.params["network"]]
    model = keras.Sequential([keras.Input(input_shape)])
    for place, (kind, size) in enumerate(hidden):
        options = {"activation": "relu", "kernel_initializer": kernels(place)}
        if kind == "convolution":
            model.add(layers.Conv2D(size, 5, padding="same", **options))
            model.add(layers.MaxPooling2D())
        else:
            model.add(layers.Flatten())
            model.add(layers.Dense(size, **options))
    model.add(layers.Flatten())
    model.add(layers.Dense(num_classes, kernel_initializer=kernels(len(hidden))))
    return model


def keras_optimizer(trial: Trial):
    return optimizer(trial.params["optimizer"], trial.params["learning_rate"])


def choice(records: Sequence[Record], method: str) -> Choice:
    """The learning rate with the lowest mean validation loss, where no run diverged."""
    return best(records, metric="validation_loss", diverged=math.inf, optimizer=method)


def chosen(records: Sequence[Record], method: str) -> float | None:
    """The value of that choice."""
    return choice(records, method).value


def judge(records: Sequence[Record]) -> Verdict:
    """By network, each optimizer at its chosen rate beside SGD at its own."""
    findings = []
    for (network,), found in groups(records, ("network",)).items():

        def loss(method: str, found: Sequence[Record] = found) -> dict[int, float]:
            losses = values(
                found, "train_loss", optimizer=method, learning_rate=chosen(found, method)
            )
            return {seed: math.log10(value) for seed, value in losses.items()}

        for method in METHODS[1:]:
            what = f"{network}: log10 of the training loss of SGD over that of {method}"
            lower = paired_difference(loss("SGD"), loss(method))
            findings.append(within(what, lower, "", low=LOWER))
    return all_of(findings)


def expected(params: Params, effect: float) -> dict[str, float]:
    """All optimizers end with a fifth less loss than SGD, at the rate .1; other rates are worse."""
    saved = 0.0 if params["optimizer"] == "SGD" else toward(effect, 0.1, LOWER)
    loss = -0.6 - saved + 0.2 * abs(math.log10(params["learning_rate"] / 0.1))
    return {"log10_train_loss": loss, "log10_validation_loss": loss + 0.1}


def losses(
    params: Params, metrics: dict[str, float]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    return {name.removeprefix("log10_"): 10**value for name, value in metrics.items()}, {}


def table(section: Section) -> Table:
    reference = section.reference
    method: Any  # the axis of the published values is a name, too
    headers = ["optimizer", "learning rate", "training loss", "validation loss", "test error %"]
    headers += ["seeds", *(["paper: test error %"] if reference else [])]
    rows = []
    for method in METHODS:
        rate = choice(section.records, method)
        found = arm(section.records, optimizer=method, learning_rate=rate.value)
        if not found:
            continue
        losses = (
            mean_interval([record.metrics[name] for record in found])
            for name in ("train_loss", "validation_loss")
        )
        row: list[Any] = [
            method,
            f"{rate}",
            *(f"{one.mean:.4f} ± {one.half:.4f}" for one in losses),
        ]
        row += [cell(found, "test_error"), len(found)]
        rows.append([*row, *([published(reference, "test_error", method)] if reference else [])])
    return headers, rows


def draw(section: Section, figure) -> None:
    """Validation loss by learning rate, and the training loss at the chosen rates."""
    figure.set_size_inches(12, 4.8)
    by_rate, by_update = figure.subplots(1, 2)
    for method in METHODS:
        rates = groups(arm(section.records, optimizer=method), ("learning_rate",))
        means = {
            rate: np.mean([record.metrics["validation_loss"] for record in found])
            for (rate,), found in rates.items()
            if all(record.status == "ok" for record in found)
        }
        by_rate.plot([*means], [*means.values()], "o-", color=COLOURS[method], label=method)
        rate = chosen(section.records, method)
        found = arm(section.records, optimizer=method, learning_rate=rate)
        if rate is None or not found:
            continue
        by_rate.plot(rate, means[rate], "o", color=COLOURS[method], markersize=11, alpha=0.4)
        lines = [record.curves["train_loss"] for record in found if "train_loss" in record.curves]
        if lines:
            updates = found[0].curves["updates"]
            label = f"{method}, rate {rate:g}"
            by_update.plot(updates, np.mean(lines, axis=0), color=COLOURS[method], label=label)
    by_rate.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation loss, nats")
    by_update.set(yscale="log", xlabel="updates", ylabel="training loss at the chosen rate, nats")
    for axes in (by_rate, by_update):
        axes.legend(fontsize="small")


def reference(params: Params) -> Reference | None:
    return references.load("optimizers", "deepobs_2c2d") if params["network"] == "2c2d" else None


EXPERIMENT = Experiment(
    name="optimizers_mnist",
    version=1,
    summary="training loss of six optimizers on raw pixels, the learning rate tuned for each",
    profiles=profiles.load("optimizers_mnist"),
    paper_dataset="Fashion-MNIST",
    grid=grid,
    work=Training(build, keras_optimizer, structure),
    views=(
        View(
            axis="optimizer",
            axis_title="optimizer",
            metrics={"train_loss": "training loss", "test_error": "test error %"},
            split_by=("network",),
            series=("learning_rate",),
            reference=reference,
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "ill-conditioned",
            "on raw pixels, after the same number of updates, momentum, Nesterov, AdaGrad, RMSProp "
            "and Adam have a lower training loss than SGD (at least 5 % lower; our threshold), "
            "each at the learning rate with the lowest validation loss",
            judge,
            Effects(
                expected,
                noise={"log10_train_loss": 0.01, "log10_validation_loss": 0.02},
                finish=losses,
                source="no paper has such numbers: effect and noise are ours",
            ),
        ),
    ),
)
