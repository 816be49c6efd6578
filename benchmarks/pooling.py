"""Max, average and stochastic pooling in a convolutional network.

Zeiler and Fergus (2013): three convolutional layers of 64 filters of 5x5, each followed by ReLU and
pooling over 3x3 regions with stride 2, and one dense layer. The learning rate is tuned for each arm
and each size of the training set. `--dataset cifar10` trains on CIFAR-10.
"""

import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.cli import main
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.references import Reference
from benchmarks.harness.results.tables import cell, published
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import at_best, best
from benchmarks.harness.views import GUESSING, Section, Table, View, arm, groups, values

MAX, AVERAGE, STOCHASTIC = "max", "average", "stochastic"
ARMS = (MAX, AVERAGE, STOCHASTIC)


def grid(settings: Params) -> list[Params]:
    lists = ("learning_rates", "train_sizes")
    shared = without(settings, *lists)
    return [
        {**shared, "train_size": size, "pooling": pooling, "learning_rate": rate}
        for size in settings["train_sizes"]
        for pooling in ARMS
        for rate in settings["learning_rates"]
    ]


def structure(params: Params) -> Params:
    """Sizes of the training set and learning rates train together."""
    return without(params, "train_size", "learning_rate")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """The network of a trial, giving logits. Arms start from the same kernels."""
    import keras
    from keras import layers

    from keras_ddl.layers import StochasticPooling2D

    params = trial.params

    def kernel(place: int | str):
        return keras.initializers.HeNormal(trial.derive("init", layer=place))

    def pool(place: int):
        size, stride = params["pool_size"], params["pool_stride"]
        if params["pooling"] == STOCHASTIC:
            seed = trial.derive("pooling", layer=place)
            return StochasticPooling2D(size, stride, padding="same", seed=seed)
        kind = layers.MaxPooling2D if params["pooling"] == MAX else layers.AveragePooling2D
        return kind(size, stride, padding="same")

    model = keras.Sequential([keras.Input(tuple(input_shape))])
    for place, filters in enumerate(params["filters"]):
        options = {"padding": "same", "activation": "relu", "kernel_initializer": kernel(place)}
        model.add(layers.Conv2D(filters, params["kernel_size"], **options))
        model.add(pool(place))
    model.add(layers.Flatten())
    model.add(layers.Dense(num_classes, kernel_initializer=kernel("last")))
    return model


def optimizer(trial: Trial):
    """SGD with momentum; the learning rate falls linearly to a hundredth, as in the paper."""
    from keras.optimizers import SGD, schedules

    params = trial.params
    rate = params["learning_rate"]
    decay = schedules.PolynomialDecay(rate, params["updates"], end_learning_rate=rate / 100)
    return SGD(decay, momentum=params["momentum"])


def chosen(
    records: Sequence[Record], size: int, pooling: str, metric: str = "test_error"
) -> dict[int, float]:
    """By repetition, a metric of an arm at its tuned learning rate."""
    return at_best(records, metric, train_size=size, pooling=pooling)


def gap(records: Sequence[Record], size: int, pooling: str) -> dict[int, float]:
    """By repetition, test error less training error of an arm at its tuned learning rate."""
    test, train = (chosen(records, size, pooling, f"{part}_error") for part in ("test", "train"))
    return {key: test[key] - train[key] for key in test.keys() & train.keys()}


def judge(records: Sequence[Record]) -> Verdict:
    """Stochastic pooling has a smaller gap than max pooling, and a lower test error, every size."""
    findings = []
    for (size,) in groups(records, ("train_size",)):
        for what, of in (("test less training error", gap), ("test error", chosen)):
            less = paired_difference(of(records, size, MAX), of(records, size, STOCHASTIC))
            words = f"{size:,} images: {what}, max less stochastic pooling"
            findings.append(within(words, less, "pp", low=0))
    return all_of(findings)


LEVEL = 5.0  # % of test error with max pooling in the profile `quick`


def expected(params: Params, effect: float) -> dict[str, float]:
    """The published errors over that of max pooling; both networks learn their training set."""
    paper = references.load("pooling", "mnist").values["test_error"]
    ratio = paper[params["pooling"]] / paper[MAX]
    error = LEVEL * (1 + effect * (ratio - 1))
    tuned_for = 0.0 if params["learning_rate"] == 0.01 else 0.6
    return {"test_error": error, "train_error": 0.0, "validation_error": error + tuned_for}


def table(section: Section) -> Table:
    """A row for each size and arm at its tuned learning rate."""
    headers = ["images", "pooling", "learning rate", "train error %", "test error %"]
    headers += ["test - train pp", "max less this, pp", "seeds", "paper: test error %"]
    records, rows = section.records, []
    for (size,), found in groups(records, ("train_size",)).items():
        plain = chosen(records, size, MAX)
        for pooling in ARMS:
            rate = best(found, pooling=pooling)
            one = arm(found, pooling=pooling, learning_rate=rate.value)
            if not one:
                continue
            row = [size, pooling, f"{rate}", cell(one, "train_error"), cell(one, "test_error")]
            row += [mean_interval([*gap(records, size, pooling).values()])]
            row += [paired_difference(plain, chosen(records, size, pooling)), len(one)]
            rows.append([*row, published(section.reference, "test_error", pooling)])
    return headers, rows


def draw(section: Section, figure) -> None:
    """Test error and gap of each arm, a group of points for each size of the training set."""
    figure.set_size_inches(11, 4.6)
    sizes = [size for (size,) in groups(section.records, ("train_size",))]
    panels = zip(
        figure.subplots(1, 2), (chosen, gap), ("error", "less training error"), strict=True
    )
    for axes, of, title in panels:
        for place, pooling in enumerate(ARMS):
            for group, size in enumerate(sizes):
                seeds = [*of(section.records, size, pooling).values()]
                x, colour = group + 0.2 * (place - 1), f"C{place}"
                axes.plot([x] * len(seeds), seeds, "o", color=colour, alpha=0.3)
                one = mean_interval(seeds)
                half = np.nan_to_num(one.half)
                label = pooling if group == 0 else None
                axes.errorbar(
                    [x], [one.mean], [half], marker="_", capsize=6, color=colour, label=label
                )
        axes.set_xticks(range(len(sizes)), [f"{size:,} images" for size in sizes])
        axes.set(ylabel=title, ylim=(0, None))
        axes.legend(fontsize="small")


def tuning_table(section: Section) -> Table:
    """A row for each size and learning rate, a column for each arm; the chosen rate is marked."""
    headers = [
        "images",
        "learning rate",
        *(f"{name}: validation error %" for name in ARMS),
        "seeds",
    ]
    rows = []
    for (size, rate), found in groups(section.records, ("train_size", "learning_rate")).items():
        row = [size, rate]
        for pooling in ARMS:
            one = arm(found, pooling=pooling)
            tuned = best(section.records, train_size=size, pooling=pooling).value
            mark = " (chosen)" if tuned == rate else ""
            row.append(f"{cell(one, 'validation_error')}{mark}" if one else "-")
        rows.append([*row, len({record.trial.repetition for record in found})])
    return headers, rows


def draw_tuning(section: Section, figure) -> None:
    """Validation error by learning rate, a panel for each size."""
    parts = groups(section.records, ("train_size",))
    figure.set_size_inches(5.2 * len(parts), 4.6)
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, ((size,), part) in zip(panels, parts.items(), strict=True):
        for pooling in ARMS:
            means = {
                rate: mean_interval([*values(one, "validation_error", GUESSING).values()]).mean
                for (rate,), one in groups(arm(part, pooling=pooling), ("learning_rate",)).items()
            }
            axes.plot([*means], [*means.values()], "o-", label=pooling)
        axes.set(xscale="log", xlabel="learning rate", title=f"{size:,} images")
        axes.set(ylabel="validation error %")
        axes.legend(fontsize="small")


def _reference(params: Params) -> Reference:
    return references.load("pooling", params["published"])


EXPERIMENT = Experiment(
    name="pooling",
    version=1,
    summary="test error and gap with max, average and stochastic pooling, by training-set size",
    profiles=profiles.load("pooling"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=build, optimizer=optimizer, structure=structure),
    views=(
        View(
            axis="pooling",
            axis_title="pooling",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            series=("train_size", "learning_rate"),
            reference=_reference,
            draw=draw,
            table=table,
        ),
        View(
            axis="learning_rate",
            axis_title="learning rate",
            metrics={"validation_error": "validation error %"},
            series=("train_size", "pooling"),
            draw=draw_tuning,
            table=tuning_table,
        ),
    ),
    claims=(
        Claim(
            "stochastic-pooling",
            "stochastic pooling has a smaller gap between test and training error than max "
            "pooling, and a lower test error",
            judge,
            Effects(
                expected,
                noise={"test_error": 0.2, "train_error": 0.02, "validation_error": 0.2},
                source="the published errors over that of max pooling; noise: assumed",
            ),
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
