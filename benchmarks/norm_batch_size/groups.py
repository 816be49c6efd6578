"""Group normalization: error by number of groups, and by channels per group.

One group is LN, and one channel per group is IN. Wu and He (2018): at batch 32 any number of groups
between these two is better than either. If a layer has fewer channels than the requested groups,
each channel is a group. If it has fewer channels than the requested channels per group, all of them
are one group.
"""

import itertools
from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, provided, within
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import GUESSING, View, groups, values
from benchmarks.norm_batch_size.training import (
    ERROR,
    build,
    image_trial,
    last_errors,
    sgd,
    together,
)
from benchmarks.norm_batch_size.verdicts import LEVEL, TRAINED

BY = ("groups", "channels_per_group")
ENDS = {"LN (one group)": "groups", "IN (one channel a group)": "channels_per_group"}


def grid(settings: Params) -> list[Params]:
    tried = {by: settings[f"{by}_tried"] for by in BY}
    shared = {k: v for k, v in settings.items() if not k.endswith("_tried")}
    return [
        image_trial(shared, norm="GN", batch_size=32, by=by, size=size, **{by: size})
        for by in BY
        for size in tried[by]
    ]


def judge(records: Sequence[Record]) -> Verdict:
    """Judge whether LN and IN each err more than every size between them.

    The comparison favours the sizes between the ends, so their networks must be trained.
    """
    between = [
        (by, size) for (by, size), _ in groups(records, ("by", "size")).items() if size > 1
    ] or [(by, "any") for by in BY]

    def error(by: str, size: int | str, metric: str = ERROR) -> dict[int, float]:
        return values(records, metric, diverged=GUESSING, by=by, size=size)

    findings = [
        within(
            f"error of {name}, above {size} {by.replace('_', ' ')}",
            paired_difference(error(of_end, 1), error(by, size)),
            "pp",
            low=0,
        )
        for (name, of_end), (by, size) in itertools.product(ENDS.items(), between)
    ]
    trained = [
        within(
            f"training error of {size} {by.replace('_', ' ')}",
            mean_interval([*error(by, size, "train_error").values()]),
            "%",
            high=TRAINED,
        )
        for by, size in between
    ]
    return provided(trained, findings)


def expected(params: Params, effect: float) -> dict[str, float]:
    """The paper's errors above its best, as shares of the error."""
    by = {one: references.load("group_normalization", one).values[ERROR] for one in BY}
    best = min(min(errors.values()) for errors in by.values())
    above = by[params["by"]][params["size"]] / best - 1
    return {ERROR: LEVEL * (1 + effect * above), "train_error": 40.0}


EXPERIMENT = Experiment(
    name="norm_groups",
    version=1,
    summary="error of group normalization by number of groups and by channels per group",
    profiles=profiles.load("norm_groups"),
    paper_dataset="CIFAR-10",
    grid=grid,
    work=Training(
        build=build,
        optimizer=sgd,
        structure=together("by", "size", *BY),
        watchers=last_errors,
    ),
    datasets=("cifar10", "mnist"),
    views=(
        View(
            axis="size",
            axis_title="groups, or channels per group",
            metrics={
                ERROR: "validation error %",
                "test_error": "test error %",
                "train_error": "training error %",
            },
            curves={"validation_error": "validation error %"},
            split_by=("by",),
            reference=lambda params: references.load("group_normalization", params["by"]),
        ),
    ),
    claims=(
        Claim(
            "gn-groups",
            "groups between the ends do better than one group (LN) and one channel a group (IN)",
            judge,
            Effects(
                expected,
                {ERROR: 0.55, "train_error": 1.0},
                source="the paper's differences, as shares of the error; noise: assumed for "
                "trained networks",
            ),
        ),
    ),
)
