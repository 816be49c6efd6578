"""DropConnect beside dropout and no regularizer, with three activations.

Wan et al. (2013): MNIST networks with two hidden layers of 800 units. The learning rate is tuned
for each arm on one grid.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.results.tables import cell, published
from benchmarks.harness.spec import Params, Record, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import at_best, best
from benchmarks.harness.views import GUESSING, Section, Table, View, arm, groups, values
from benchmarks.regularizers import network

ARMS = ("none", "dropout", "DropConnect")
ACTIVATIONS = ("relu", "sigmoid", "tanh")


def grid(settings: Params) -> list[Params]:
    shared = without(settings, "learning_rates", "rate")
    return [
        {
            **shared,
            "activation": activation,
            "arm": name,
            "learning_rate": rate,
            **({} if name == "none" else {"rate": settings["rate"]}),
        }
        for activation in ACTIVATIONS
        for name in ARMS
        for rate in settings["learning_rates"]
    ]


def structure(params: Params) -> Params:
    """Learning rates and activations of an arm train together."""
    return without(params, "learning_rate", "activation")


def chosen(records: Sequence[Record], activation: str, name: str) -> dict[int, float]:
    """By repetition, the test error of an arm at its tuned learning rate."""
    return at_best(records, "test_error", activation=activation, arm=name)


def judge(records: Sequence[Record]) -> Verdict:
    """DropConnect lowers the test error with every activation."""
    return all_of(
        [
            within(
                f"test error, none less DropConnect, {activation}",
                paired_difference(
                    chosen(records, activation, "none"), chosen(records, activation, "DropConnect")
                ),
                "pp",
                low=0,
            )
            for activation in ACTIVATIONS
        ]
    )


LEVEL = 5.0  # % of test error without a regularizer in the profile `quick`


def expected(params: Params, effect: float) -> dict[str, float]:
    """The published errors over those without a regularizer."""
    paper = references.load("dropconnect", "mnist_800").values
    activation = params["activation"]
    ratio = paper[params["arm"]][activation] / paper["none"][activation]
    error = LEVEL * (1 + effect * (ratio - 1))
    tuned_for = 0.0 if params["learning_rate"] == 0.03 else 0.6
    return {"test_error": error, "validation_error": error + tuned_for}


def table(section: Section) -> Table:
    """A row for each activation and arm at its tuned learning rate, beside the published errors."""
    headers = ["activation", "regularizer", "learning rate", "train error %", "test error %"]
    headers += ["dropout less this, pp", "seeds", "paper: test error %"]
    rows = []
    for activation in ACTIVATIONS:
        dropped = chosen(section.records, activation, "dropout")
        for name in ARMS:
            rate = best(section.records, activation=activation, arm=name)
            where = {"activation": activation, "arm": name, "learning_rate": rate.value}
            found = arm(section.records, **where)
            if not found:
                continue
            apart = paired_difference(dropped, chosen(section.records, activation, name))
            row: list[Any] = [activation, name, f"{rate}", cell(found, "train_error")]
            row += [cell(found, "test_error"), "" if name == "dropout" else apart, len(found)]
            rows.append([*row, published(section.reference, name, activation)])
    return headers, rows


def draw(section: Section, figure) -> None:
    """Test error of each arm at its tuned rate by activation; the published ones in grey."""
    figure.set_size_inches(11, 4.6)
    panels = figure.subplots(1, len(ACTIVATIONS), sharey=True)
    for axes, activation in zip(panels, ACTIVATIONS, strict=True):
        for place, name in enumerate(ARMS):
            seeds = [*chosen(section.records, activation, name).values()]
            axes.plot([place] * len(seeds), seeds, "o", color="tab:blue", alpha=0.3)
            interval = mean_interval(seeds)
            half = interval.half if interval.count > 1 else 0
            axes.errorbar([place], [interval.mean], [half], marker="_", capsize=6, color="black")
            if section.reference:
                axes.plot([place], [section.reference.values[name][activation]], "s", color="0.6")
        axes.set_xticks(range(len(ARMS)), ARMS)
        axes.set(title=activation)
    panels[0].set(ylabel="test error % (grey: paper)", ylim=(0, None))  # of all panels


def tuning_table(section: Section) -> Table:
    """A row for each learning rate, a column for each arm; the chosen rate is marked."""
    names = ("activation", "arm")
    arms = groups(section.records, names)
    headers = ["learning rate", *(f"{', '.join(key)}: validation error %" for key in arms), "seeds"]
    rows = []
    for (rate,), found in groups(section.records, ("learning_rate",)).items():
        row = [rate]
        for key in arms:
            where = dict(zip(names, key, strict=True))
            one = arm(found, **where)
            mark = " (chosen)" if best(section.records, **where).value == rate else ""
            row.append(f"{cell(one, 'validation_error')}{mark}" if one else "-")
        rows.append([*row, len({record.trial.repetition for record in found})])
    return headers, rows


def draw_tuning(section: Section, figure) -> None:
    """Validation error by learning rate, a panel for each activation."""
    figure.set_size_inches(11, 4.6)
    panels = figure.subplots(1, len(ACTIVATIONS), sharey=True)
    for axes, activation in zip(panels, ACTIVATIONS, strict=True):
        for name in ARMS:
            found = arm(section.records, activation=activation, arm=name)
            means = {
                rate: mean_interval([*values(one, "validation_error", GUESSING).values()]).mean
                for (rate,), one in groups(found, ("learning_rate",)).items()
            }
            axes.plot([*means], [*means.values()], "o-", label=name)
        axes.set(xscale="log", yscale="log", xlabel="learning rate", title=activation)
    panels[0].set(ylabel="validation error %")
    panels[0].legend(fontsize="small")


EXPERIMENT = Experiment(
    name="dropconnect",
    version=1,
    summary="test error with DropConnect, dropout and neither, by activation",
    profiles=profiles.load("dropconnect"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=network.build, optimizer=network.optimizer, structure=structure),
    views=(
        View(
            axis="arm",
            axis_title="regularizer",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            series=("activation", "learning_rate"),
            reference=lambda params: references.load("dropconnect", "mnist_800"),
            draw=draw,
            table=table,
        ),
        View(
            axis="learning_rate",
            axis_title="learning rate",
            metrics={"validation_error": "validation error %"},
            series=("activation", "arm"),
            draw=draw_tuning,
            table=tuning_table,
        ),
    ),
    claims=(
        Claim(
            "dropconnect",
            "DropConnect has a lower test error than no regularizer, with ReLU, sigmoid and tanh",
            judge,
            Effects(
                expected,
                noise={"test_error": 0.15, "validation_error": 0.15},
                source="the published errors over those without a regularizer; noise: "
                "mnist_dataset_size at 5,000 images",
            ),
        ),
    ),
)
