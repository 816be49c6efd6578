"""Dropout on MNIST: the error against the number of training images, with and without dropout.

Srivastava et al. (2014), Fig. 10: ReLU networks 784-1024-1024-2048-10 and training sets of 100 to
50,000 images, where each set contains the smaller ones. Dropout keeps hidden units with probability
.5 and inputs with .8.
"""

import itertools
from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, provided, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import View, groups, values
from benchmarks.mnist_dataset_size.views import TWIN, WITH, WITHOUT, draw, gain, gap, table
from benchmarks.mnist_dropout import optimizer
from benchmarks.networks.dropout_mlp import dropout_mlp

FEW, MIDDLE, PLENTY = (100, 500), (1_000, 5_000, 10_000), 50_000
NO_GAIN = 0.5  # the largest gain that counts as none, in percentage points of test error
TRAINED = 0.2  # % of training error above which a size is not judged
OF_ONE_ARM = ("learning_rate_without", "learning_rate_twin", "l2_twin")


def grid(settings: Params) -> list[Params]:
    """Without dropout every unit is kept with probability 1, so arms differ in numbers only.

    The network without dropout that the paper compares with is also trained with L2 and with a
    learning rate of its own (`TWIN`).
    """
    shared = without(settings, "sizes", *OF_ONE_ARM)
    plain = {"learning_rate": settings["learning_rate_without"], "keep": 1.0, "input_keep": 1.0}
    twin = {**plain, "learning_rate": settings["learning_rate_twin"], "l2": settings["l2_twin"]}
    return [
        {**shared, **arm, "train_size": size}
        for size in settings["sizes"]
        for arm in ({"arm": WITH}, {"arm": WITHOUT, **plain}, {"arm": TWIN, **twin})
    ]


def structure(params: Params) -> Params:
    """All sizes, and arms with the same L2, have the same computation: they train together."""
    numbers = ("arm", "keep", "input_keep", "learning_rate", "train_size")
    return without(params, *numbers)


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
        l2=params.get("l2", 0.0),
    )


def judge_gain(records: Sequence[Record]) -> Verdict:
    """Judge the gain of dropout over the paper's twin, or over the plain network if it was not run.

    Sizes that were not run leave the claim open, except `PLENTY`: a small profile does not have it.
    """
    sizes = {record.trial.params["train_size"] for record in records}
    without = TWIN if any(record.trial.params["arm"] == TWIN for record in records) else WITHOUT
    over = f"gain of dropout over {without}"
    gains = {size: gain(records, size, without) for size in (*FEW, *MIDDLE, PLENTY)}
    findings = [
        within(
            f"{over} at {size:,} images",
            mean_interval([*gains[size].values()]),
            "pp",
            high=NO_GAIN,
        )
        for size in FEW
    ]
    run = [size for size in MIDDLE if gains[size]] or [MIDDLE[0]]
    most = max(run, key=lambda size: mean_interval([*gains[size].values()]).mean)
    top = mean_interval([*gains[most].values()])
    findings.append(within(f"{over} at {most:,}, the most of the middle", top, "pp", low=0))
    plenty = [PLENTY] * (PLENTY in sizes)
    for size in (*FEW, *plenty):
        above = paired_difference(gains[most], gains[size])
        what = f"gain at {most:,} above the gain at {size:,}"
        findings.append(within(what, above, "pp", low=0))
    trained = [
        within(
            f"training error with dropout at {size:,} images",
            mean_interval([*values(records, "train_error", arm=WITH, train_size=size).values()]),
            "%",
            high=TRAINED,
        )
        for size in (most, *plenty)
    ]
    return provided(trained, findings)


def judge_gap(records: Sequence[Record]) -> Verdict:
    """Judge the gap between test and training error, without dropout, which would reduce it."""
    sizes = [size for (size,) in groups(records, ("train_size",))]
    gaps = {size: gap(records, WITHOUT, size) for size in sizes}
    findings = [
        within(
            f"test less training error: {few:,} images above {more:,}",
            paired_difference(gaps[few], gaps[more]),
            "pp",
            low=0,
        )
        for few, more in itertools.pairwise(sizes)
    ]
    symptoms: dict[str, dict[str, float]] = {"train_error": {"high": 1}, "test_error": {"low": 10}}
    for metric, bounds in symptoms.items():
        errors = values(records, metric, arm=WITHOUT, train_size=sizes[0]) if sizes else {}
        what = f"{metric.replace('_', ' ')} with the fewest images"
        interval = mean_interval([*errors.values()])
        findings.append(within(what, interval, "%", **bounds, stated=True))
    return all_of(findings)


def expected_gain(params: Params, effect: float) -> dict[str, float]:
    """The errors of Fig. 10; if the claim is false, dropout gains as much at every size."""
    paper = references.load("dropout", "fig10").values
    size = params["train_size"]
    gained = toward(effect, paper["none"][size] - paper["dropout"][size], NO_GAIN)
    lost = gained if params["arm"] == WITH else 0.0
    return {"test_error": paper["none"][size] - lost, "train_error": 0.01}


def expected_gap(params: Params, effect: float) -> dict[str, float]:
    """The errors of Fig. 10 without dropout; if the claim is false, all sizes have one gap."""
    error = references.load("dropout", "fig10").values["none"][params["train_size"]]
    return {"test_error": toward(effect, error, 10.0), "train_error": 0.01}


def noise(params: Params) -> dict[str, float]:
    """That of the stored records: more with fewer images."""
    by_size = {100: 0.6, 500: 0.35, 1_000: 0.3, 5_000: 0.12, 10_000: 0.08, 50_000: 0.06}
    return {"test_error": by_size[params["train_size"]], "train_error": 0.02}


EXPERIMENT = Experiment(
    name="mnist_dataset_size",
    version=1,
    summary="test error by training-set size, with and without dropout",
    profiles=profiles.load("mnist_dataset_size"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=build,
        optimizer=optimizer,
        structure=structure,
    ),
    views=(
        View(
            axis="train_size",
            axis_title="training images",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            series=("arm",),
            reference=lambda params: references.load("dropout", "fig10"),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "dropout-data-size",
            "dropout gains nothing (at most .5 pp: ours) or harms at 100-500 examples, gains most "
            "in the middle, and less when data is plentiful (if 50,000 examples were run)",
            judge_gain,
            Effects(expected_gain, noise, source="Fig. 10; noise: the stored records"),
        ),
        Claim(
            "data-overfit",
            "more data shrinks the train/test gap; very high train (99 %) and poor test accuracy "
            "(90 %) is the symptom",
            judge_gap,
            Effects(expected_gap, noise, source="Fig. 10; noise: the stored records"),
        ),
    ),
)
