"""Dropout on MNIST: the error against the number of training images, with and without dropout.

Srivastava et al. (2014), Fig. 10: ReLU networks 784-1024-1024-2048-10 and training sets of 100 to
50,000 images, where each set contains the smaller ones. Dropout keeps hidden units with probability
.5 and inputs with .8.
"""

import itertools
from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import View, groups, values
from benchmarks.mnist_dataset_size.views import WITH, WITHOUT, draw, gain, gap, table
from benchmarks.mnist_dropout import optimizer
from benchmarks.networks.dropout_mlp import dropout_mlp

FEW, MIDDLE, PLENTY = (100, 500), (1_000, 5_000, 10_000), 50_000
NO_GAIN = 0.5  # the largest gain that counts as none, in percentage points of test error


def grid(settings: Params) -> list[Params]:
    """Without dropout every unit is kept with probability 1, so arms differ in numbers only."""
    shared = {k: v for k, v in settings.items() if k not in ("sizes", "learning_rate_without")}
    plain = {"learning_rate": settings["learning_rate_without"], "keep": 1.0, "input_keep": 1.0}
    return [
        {**shared, **arm, "train_size": size}
        for size in settings["sizes"]
        for arm in ({"arm": WITH}, {"arm": WITHOUT, **plain})
    ]


def structure(params: Params) -> Params:
    """All arms and sizes have the same computation, so they can train together."""
    numbers = ("arm", "keep", "input_keep", "learning_rate", "train_size")
    return {name: value for name, value in params.items() if name not in numbers}


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
    )


def judge_gain(records: Sequence[Record]) -> Verdict:
    """Judge the gain of dropout at the paper's sizes. Sizes that were not run leave it open."""
    gains = {size: gain(records, size) for size in (*FEW, *MIDDLE, PLENTY)}
    findings = [
        within(
            f"gain of dropout at {size:,} images",
            mean_interval([*gains[size].values()]),
            "pp",
            high=NO_GAIN,
        )
        for size in FEW
    ]
    run = [size for size in MIDDLE if gains[size]] or [MIDDLE[0]]
    most = max(run, key=lambda size: mean_interval([*gains[size].values()]).mean)
    top = mean_interval([*gains[most].values()])
    findings.append(within(f"gain at {most:,}, the most of 1,000 to 10,000", top, "pp", low=0))
    for size in (*FEW, PLENTY):
        above = paired_difference(gains[most], gains[size])
        what = f"gain at {most:,} above the gain at {size:,}"
        findings.append(within(what, above, "pp", low=0))
    return all_of(findings)


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
    for metric, bounds in (("train_error", {"high": 1}), ("test_error", {"low": 10})):
        errors = values(records, metric, arm=WITHOUT, train_size=sizes[0]) if sizes else {}
        what = f"{metric.replace('_', ' ')} with the fewest images"
        findings.append(within(what, mean_interval([*errors.values()]), "%", **bounds))
    return all_of(findings)


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
            "dropout gains nothing (at most .5 pp) or harms at 100-500 examples, gains most in the "
            "middle, and less when data is plentiful",
            judge_gain,
        ),
        Claim(
            "data-overfit",
            "more data shrinks the train/test gap; very high train (99 %) and poor test accuracy "
            "(90 %) is the symptom",
            judge_gap,
        ),
    ),
)
