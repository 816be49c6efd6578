"""Stochastic weight averaging on MNIST and CIFAR-10.

A network is trained by SGD with momentum three times, for the same number of updates: with a
learning rate that falls linearly to 0, and twice with a constant rate. Of the two constant runs,
which are equal, one keeps its last weights, and one the average of its weights after each epoch of
the last quarter. On MNIST the network is a ReLU perceptron; on CIFAR-10 it is a residual network
with batch normalization, whose statistics are estimated anew for the average. All arms of a
repetition see the same images in the same order and start from the same weights.
"""

import sys
from collections.abc import Sequence

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.cli import main
from benchmarks.harness.data import Split
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.results.tables import cell
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import Section, Table, View, arm, values
from benchmarks.networks import norms
from benchmarks.networks.dropout_mlp import dropout_mlp
from benchmarks.networks.resnet import resnet

DECAYING, LAST, AVERAGE = "decaying, last", "constant, last", "constant, average"
ARMS = (DECAYING, LAST, AVERAGE)
SHARE = 0.75  # of the training before the first weights that are averaged
LOWER = 0.02  # pp of test error: two images of 10,000


def grid(settings: Params) -> list[Params]:
    return [{**settings, "weights": name} for name in ARMS]


def structure(params: Params) -> Params:
    """All arms are one computation."""
    return without(params, "weights")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    if params["network"] == "resnet":
        return resnet(
            input_shape,
            num_classes,
            norms.make({"norm": "BN", "batch_momentum": 0.9}),
            seeds=trial.derive,
            widths=params["widths"],
            blocks=params["blocks"],
            pool=params["pool"],
        )
    return dropout_mlp(input_shape, params["widths"], num_classes, keep=1.0, seeds=trial.derive)


def optimizer(trial: Trial):
    import keras

    from keras_ddl.schedules import LinearDecay

    params = trial.params
    rate = params["learning_rate"]
    if params["weights"] == DECAYING:
        rate = LinearDecay(rate, params["updates"])
    return keras.optimizers.SGD(rate, momentum=params["momentum"])


def watchers(trials: Sequence[Trial], splits: Sequence[Split]):
    """Averages the weights of the trials that ask for it."""
    from keras_ddl.callbacks import SWA

    members = [place for place, trial in enumerate(trials) if trial.params["weights"] == AVERAGE]
    if not members:
        return []
    params = trials[0].params
    return [
        SWA(
            first_averaged(params["points"]),
            data=lambda place: splits[place].train.x,
            batch_size=params["batch_size"],
            members=members,
        )
    ]


def first_averaged(epochs: int) -> int:
    """The first epoch, counted from 0, whose weights are averaged: the last always are."""
    return min(round(SHARE * epochs), epochs - 1)


def judge(records: Sequence[Record]) -> Verdict:
    def error(name: str) -> dict[int, float]:
        return values(records, "test_error", weights=name)

    return all_of(
        [
            within(
                f"test error of {what} less that of the average",
                paired_difference(error(name), error(AVERAGE)),
                "pp",
                low=LOWER,
            )
            for what, name in (("the last weights", LAST), ("a decaying rate", DECAYING))
        ]
    )


def expected(params: Params, effect: float) -> dict[str, float]:
    """The average gains a tenth over the last weights, and a twentieth over a decaying rate."""
    gained = {LAST: 5.0, DECAYING: 2.5}.get(params["weights"], 0.0)
    return {"test_error": 45.0 + (toward(effect, gained, LOWER) if gained else 0.0)}


def table(section: Section) -> Table:
    average = values(section.records, "test_error", weights=AVERAGE)
    headers = ["learning rate, weights", "train error %", "test error %"]
    headers += ["this less the average, pp", "seeds"]
    rows = []
    for name in ARMS:
        found = arm(section.records, weights=name)
        if found:
            gain = paired_difference(values(found, "test_error"), average)
            shown = gain if name != AVERAGE else ""
            row = [name, cell(found, "train_error"), cell(found, "test_error"), shown]
            rows.append([*row, len(found)])
    return headers, rows


def draw(section: Section, figure) -> None:
    """A dot for each seed and arm, the arms of a seed joined by a line."""
    figure.set_size_inches(7, 4.2)
    axes = figure.subplots()
    errors = [values(section.records, "test_error", weights=name) for name in ARMS]
    for seed in sorted(set.union(*map(set, errors))):
        axes.plot([one.get(seed) for one in errors], "o-", label=f"repetition {seed}")
    axes.set_xticks(range(len(ARMS)), ARMS)
    axes.set(ylabel="test error %", xlabel="learning rate, weights")
    axes.legend(fontsize="small")


EXPERIMENT = Experiment(
    name="swa",
    version=1,
    summary="test error of averaged weights against the last ones and a decaying learning rate",
    profiles=profiles.load("swa"),
    paper_dataset="CIFAR-10",
    grid=grid,
    work=Training(build, optimizer, structure, watchers),
    views=(
        View(
            axis="weights",
            axis_title="learning rate, weights",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "swa-better",
            "the average of the weights after each epoch of the last quarter of training has a "
            "lower test error than the last weights, and than a learning rate that decays (by .02 "
            "pp or more; our threshold)",
            judge,
            Effects(
                expected,
                noise={"test_error": 0.6},
                source="the paper's gains are a twentieth to a tenth of the error; noise: assumed",
            ),
        ),
    ),
    datasets=("cifar10", "mnist"),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
