"""Dropout on MNIST: how long a training schedule must be, with and without dropout.

"A dropout network typically takes 2-3 times longer to train than a standard network of the same
architecture" (Srivastava et al., 2014, section 10). How long a network takes to train depends on
when training is stopped. Here it means training to convergence: both networks are trained with
schedules of several lengths, each of which ends at a learning rate of 0. The time of a network is
the shortest schedule from which on its error stays within 15 % of its plateau, the error after
the longest schedule. The shape of the schedule and the first learning rate are the same for all.
"""

import math
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, provided, within
from benchmarks.harness.cli import main
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import jackknife, mean_interval
from benchmarks.harness.views import GUESSING, View, groups, values
from benchmarks.networks.dropout_mlp import dropout_mlp

WITH, WITHOUT = 0.5, 1.0  # the probabilities of keeping a unit
NEAR = 0.15  # of the plateau's error: within this much of it a network has converged
TRAINED = 0.5  # % of training error after the longest schedule


def grid(settings: Params) -> list[Params]:
    shared = without(settings, "lengths")
    return [
        {**shared, "keep": keep, "updates": length}
        for length in settings["lengths"]
        for keep in (WITH, WITHOUT)
    ]


def structure(params: Params) -> Params:
    """Networks with and without dropout train together, those with one length of schedule."""
    return without(params, "keep")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    return dropout_mlp(
        input_shape,
        params["widths"],
        num_classes,
        keep=params["keep"],
        seeds=trial.derive,
        max_norm=params["max_norm"],
    )


def optimizer(trial: Trial):
    import keras

    from keras_ddl.schedules import LinearDecay

    params = trial.params
    rate = LinearDecay(params["learning_rate"], params["updates"])
    return keras.optimizers.SGD(rate, momentum=params["momentum"])


Errors = Mapping[float, float]  # by length of schedule, in rising order


def errors(records: Sequence[Record], keep: float) -> dict[int, Errors]:
    """By repetition, the test errors of an arm. Repetitions that lack a length are left out."""
    by_length = {
        length: values(found, "test_error", diverged=GUESSING, keep=keep)
        for (length,), found in groups(records, ("updates",)).items()
    }
    if len(by_length) < 2:
        return {}
    everywhere = set.intersection(*({*seeds} for seeds in by_length.values()))
    return {
        repetition: {length: seeds[repetition] for length, seeds in by_length.items()}
        for repetition in sorted(everywhere)
    }


def log2_ratio(pairs: Sequence[tuple[Errors, Errors]]) -> float:
    """log2 of the time with dropout over that without, of the mean errors over seeds.

    Args:
        pairs: for each seed, the errors with and without dropout.
    """
    slow, fast = (
        time_to_converge(
            {length: float(np.mean([one[length] for one in arm])) for length in arm[0]}
        )
        for arm in zip(*pairs, strict=True)
    )
    return math.log2(slow / fast)


def time_to_converge(errors: Errors) -> float:
    """The length from which on errors stay near their plateau, interpolated between lengths.

    Args:
        errors: by length of schedule, in rising order.
    """
    lengths, heights = [*errors], [*errors.values()]
    target = (1 + NEAR) * heights[-1]
    above = [place for place, height in enumerate(heights[:-1]) if height > target]
    if not above:
        return lengths[0]
    last = above[-1]
    share = (heights[last] - target) / max(heights[last] - heights[last + 1], 1e-12)
    return lengths[last] * (lengths[last + 1] / lengths[last]) ** min(share, 1.0)


def judge(records: Sequence[Record]) -> Verdict:
    """Judge log2 of the time with dropout over that without. Both must have learned their data."""
    slow, fast = (errors(records, keep) for keep in (WITH, WITHOUT))
    both = [(slow[repetition], fast[repetition]) for repetition in slow.keys() & fast.keys()]
    longest = max((record.trial.params["updates"] for record in records), default=0)
    trained = []
    for keep in (WITH, WITHOUT):
        found = values(records, "train_error", diverged=GUESSING, keep=keep, updates=longest)
        what = f"training error after {longest:,} updates, keep {keep}"
        trained.append(within(what, mean_interval([*found.values()]), "%", high=TRAINED))
    what = "log2 of the updates to converge, dropout / none (2 to 3 times)"
    claimed = within(what, jackknife(log2_ratio, both), "", low=1.0, high=math.log2(3), stated=True)
    return provided(trained, [claimed])


SHORTEST = 350.0  # updates that a network without dropout takes to converge, for `expected`


def expected(params: Params, effect: float) -> dict[str, float]:
    """Dropout takes 2.45 times as long; if the claim is false, twice as long or less."""
    dropped = params["keep"] == WITH
    ratio = 2 ** (1 + effect * (math.log2(math.sqrt(6)) - 1))
    time = SHORTEST * (ratio if dropped else 1.0)
    plateau = 5.5 if dropped else 6.8
    error = plateau * (1 + NEAR * (time / params["updates"]) ** 2)
    return {"test_error": error, "train_error": 0.1}


EXPERIMENT = Experiment(
    name="dropout_time",
    version=1,
    summary="updates to converge with and without dropout, by length of schedule",
    profiles=profiles.load("dropout_time"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=build, optimizer=optimizer, structure=structure),
    views=(
        View(
            axis="updates",
            axis_title="updates of the schedule",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            split_by=("keep",),
        ),
    ),
    claims=(
        Claim(
            "dropout-slower",
            "dropout takes 2-3 times longer to train to convergence (to within 15 % of its own "
            "plateau: ours)",
            judge,
            Effects(
                expected,
                {"test_error": 0.15, "train_error": 0.05},
                source="the middle of the paper's 2 to 3 times; noise: mnist_dropout's records, of "
                "pairs on the same images",
            ),
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
