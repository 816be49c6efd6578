"""Group normalization: error by number of groups, and by channels per group.

One group is LN, and one channel per group is IN. Wu and He (2018): at batch 32 any number of groups
between these two is better than either. If a layer has fewer channels than the requested groups,
each channel is a group. If it has fewer channels than the requested channels per group, all of them
are one group.
"""

import statistics
from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import GUESSING, View, arm, groups, values
from benchmarks.norm_batch_size.training import (
    ERROR,
    build,
    image_trial,
    last_errors,
    sgd,
)

BY = ("groups", "channels_per_group")


def grid(settings: Params) -> list[Params]:
    tried = {by: settings[f"{by}_tried"] for by in BY}
    shared = {k: v for k, v in settings.items() if not k.endswith("_tried")}
    return [
        image_trial(shared, norm="GN", batch_size=32, by=by, size=size, **{by: size})
        for by in BY
        for size in tried[by]
    ]


def judge(records: Sequence[Record]) -> Verdict:
    """Judge whether LN and IN each err more than the mean of all sizes between them."""
    findings = []
    for by, end in (("groups", "LN: one group"), ("channels_per_group", "IN: one channel a group")):
        error = {
            size: values(records, ERROR, diverged=GUESSING, by=by, size=size)
            for (size,) in groups(arm(records, by=by), ("size",))
        }
        between = [seeds for size, seeds in error.items() if size > 1]
        everywhere = set[int]().union(*between).intersection(*between)
        mean = {seed: statistics.fmean(seeds[seed] for seeds in between) for seed in everywhere}
        above = paired_difference(error.get(1, {}), mean)
        what = f"error of {end}, above the mean of all other {by.replace('_', ' ')}"
        findings.append(within(what, above, "pp", low=0))
    return all_of(findings)


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
        ),
    ),
)
