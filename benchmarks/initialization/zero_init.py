"""Equal initial weights: how far the loss falls, and how many units of a layer stay distinct.

A network of two hidden layers is trained from W = 0, from a constant, and from tiny noise. Units
of a layer that start alike get the same gradient and stay alike. The claim is a lecture's, which
gives no set-up: network, learning rates and thresholds are ours. This experiment is separate
because it needs no convolutions: a dense network shows it in seconds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Metrics, Training
from benchmarks.harness.results.tables import cell
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.tuning import best
from benchmarks.harness.views import Section, Table, View, arm, converged, groups

ZERO, CONSTANT, NOISE = "zero", "constant", "noise"
STARTS = (ZERO, CONSTANT, NOISE)
LOSS = "validation_loss"  # tunes the learning rate of each arm
ALIKE = 1e-3  # relative distance of two units' incoming weights that counts as rounding: ours
LEARNS = 0.01  # nats below the loss of guessing class frequencies: ours
DISTINCT = 0.95  # share of units that stay distinct from noise: ours


def grid(settings: Params) -> list[Params]:
    lists = ("learning_rates", "activations")
    shared = without(settings, *lists)
    return [
        {**shared, "activation": activation, "start": start, "learning_rate": rate}
        for activation in settings["activations"]
        for start in STARTS
        for rate in settings["learning_rates"]
    ]


def structure(params: Params) -> Params:
    """Initial weights and learning rates are numbers of one computation."""
    return without(params, "start", "learning_rate")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    import keras
    from keras import initializers

    params = trial.params
    size = params["size"]

    def dense(units: int, layer: int, activation: str | None = None):
        kernels = {
            ZERO: initializers.Zeros(),
            CONSTANT: initializers.Constant(size),
            NOISE: initializers.RandomNormal(stddev=size, seed=trial.derive("init", layer=layer)),
        }
        start = kernels[params["start"]]
        return keras.layers.Dense(units, activation, kernel_initializer=start)

    widths = params["widths"]
    hidden = [dense(width, i, params["activation"]) for i, width in enumerate(widths)]
    flat = [keras.Input(tuple(input_shape)), keras.layers.Flatten()]
    return keras.Sequential([*flat, *hidden, dense(num_classes, len(widths))])


def optimizer(trial: Trial):
    from keras.optimizers import SGD

    return SGD(trial.params["learning_rate"])


def probe(trial: Trial, model, split) -> Metrics:
    """The distinct units of each hidden layer in %, and the loss of guessing in nats."""
    from keras import ops

    kernels = [ops.convert_to_numpy(w) for w in model.weights if len(w.shape) == 2][:-1]
    shares = np.bincount(split.train.y) / len(split.train.y)
    shares = shares[shares > 0]
    return {
        **{
            f"distinct_{layer}": 100 * distinct(kernel.T) / kernel.shape[1]
            for layer, kernel in enumerate(kernels, start=1)
        },
        "guessing_loss": float(-(shares * np.log(shares)).sum()),
    }


def distinct(units: np.ndarray) -> int:
    """How many rows differ by more than rounding. A row like one counted before is not counted."""
    counted = np.empty((0, units.shape[1]))
    for unit in units.astype("float64"):
        apart = np.linalg.norm(counted - unit, axis=1)
        largest = np.maximum(np.linalg.norm(counted, axis=1), np.linalg.norm(unit))
        if (apart > ALIKE * largest).all():
            counted = np.concatenate([counted, unit[None]])
    return len(counted)


def chosen(records: Sequence[Record], activation: str, start: str) -> list[Record]:
    """The converged records of an arm at its tuned learning rate."""
    where: dict[str, Any] = {"activation": activation, "start": start}
    rate = best(records, metric=LOSS, **where).value
    return [*converged(records, learning_rate=rate, **where).values()]


def judge(records: Sequence[Record]) -> Verdict:
    """From W = 0 no activation learns; from equal weights units stay equal, from noise they do not.

    What is counted is the hidden layer with the most distinct units, or from noise the fewest.
    """
    findings = []
    for (activation,) in groups(records, ("activation",)):
        zero, constant, noise = (chosen(records, activation, start) for start in STARTS)
        below = [r.metrics["guessing_loss"] - r.metrics["train_loss"] for r in zero]
        what = f"{activation}, W = 0: training loss below guessing"
        findings.append(within(what, mean_interval(below), "nats", high=LEARNS))
        for start, found in ((ZERO, zero), (CONSTANT, constant)):
            most = [max(_units(record)) for record in found]
            what = f"{activation}, {start}: distinct units, the most of any hidden layer"
            findings.append(within(what, mean_interval(most), "", high=1, stated=True))
        fewest = [min(_shares(record)) for record in noise]
        what = f"{activation}, noise: distinct units, the fewest"
        findings.append(within(what, mean_interval(fewest), "%", low=100 * DISTINCT))
        learned = [r.metrics["guessing_loss"] - r.metrics["train_loss"] for r in noise]
        what = f"{activation}, noise: training loss below guessing"
        findings.append(within(what, mean_interval(learned), "nats", low=1))
    return all_of(findings)


def _shares(record: Record) -> list[float]:
    widths = record.trial.params["widths"]
    return [record.metrics[f"distinct_{layer}"] for layer in range(1, 1 + len(widths))]


def _units(record: Record) -> list[float]:
    """The number of distinct units in each hidden layer."""
    widths = record.trial.params["widths"]
    return [s * n / 100 for s, n in zip(_shares(record), widths, strict=True)]


def expected(params: Params, effect: float) -> dict[str, float]:
    """From W = 0 the loss stays at guessing and one unit is left; from noise all units learn."""
    guessing = 2.3
    below = toward(effect, 0.0, LEARNS)
    units = {ZERO: 2 - effect, CONSTANT: 2 - effect, NOISE: 1e9}[params["start"]]
    loss = guessing - (below if params["start"] == ZERO else 2.0)
    tuned_for = 0.0 if params["learning_rate"] == 0.3 else 0.1
    return {
        "guessing_loss": guessing,
        "train_loss": loss,
        "validation_loss": loss + tuned_for,
        **{
            f"distinct_{layer}": min(100.0, 100 * units / width)
            for layer, width in enumerate(params["widths"], start=1)
        },
    }


def table(section: Section) -> Table:
    """A row for each activation and start, at the tuned learning rate."""
    layers = len(section.records[0].trial.params["widths"])
    headers = ["activation, start", "learning rate", "train loss", "guessing", "train error %"]
    headers += [f"distinct units %, hidden layer {n}" for n in range(1, layers + 1)] + ["seeds"]
    rows = []
    for (activation,), found in groups(section.records, ("activation",)).items():
        for start in STARTS:
            rate = best(found, metric=LOSS, start=start)
            one = arm(found, start=start, learning_rate=rate.value)
            if one:
                names = ["train_loss", "guessing_loss", "train_error"]
                names += [f"distinct_{n}" for n in range(1, layers + 1)]
                cells = [cell(one, name) for name in names]
                rows.append([f"{activation}, {start}", f"{rate}", *cells, len(one)])
    return headers, rows


def draw(section: Section, figure) -> None:
    """For each activation, the training loss by update from each start, at the tuned rates."""
    parts = groups(section.records, ("activation",))
    figure.set_size_inches(4.8 * len(parts), 4.4)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    lines = {ZERO: "tab:red", CONSTANT: "tab:orange", NOISE: "tab:blue"}
    for axes, ((activation,), found) in zip(panels, parts.items(), strict=True):
        for start, colour in lines.items():
            runs = chosen(found, activation, start)
            if not runs:
                continue
            mean = np.mean([run.curves["train_loss"] for run in runs], axis=0)
            units = np.mean([max(_units(run)) for run in runs])
            label = f"{start}: {units:.3g} distinct units"
            axes.plot(runs[0].curves["updates"], mean, color=colour, marker=".", label=label)
        guessing = found[0].metrics.get("guessing_loss")
        if guessing:
            axes.axhline(guessing, color="black", linewidth=0.8, linestyle=":", label="guessing")
        axes.set(xlabel="updates", title=activation)
        axes.legend(fontsize="small")
    panels[0].set(ylabel="training loss, nats")


EXPERIMENT = Experiment(
    name="zero_init",
    version=1,
    summary="loss and distinct units after training from zero, constant and random weights",
    profiles=profiles.load("zero_init"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=build, optimizer=optimizer, structure=structure, probe=probe),
    views=(
        View(
            axis="start",
            axis_title="initial weights",
            metrics={"train_loss": "training loss", "train_error": "train error %"},
            series=("activation", "learning_rate"),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "zero-init",
            "from W = 0 a network learns nothing, because all units of a layer stay equal",
            judge,
            Effects(
                expected,
                noise={"train_loss": 0.002, "validation_loss": 0.002},
                source="the lecture's statement; noise: the stored records",
            ),
        ),
    ),
)
