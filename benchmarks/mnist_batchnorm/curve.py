"""Accuracy by step with and without batch normalization, and the inputs of a last-hidden unit.

Ioffe and Szegedy (2015), section 4.1 and Fig. 1: binary 28x28 images, three hidden layers of 100
sigmoid units, small Gaussian initial weights, batches of 60, 50,000 steps of gradient descent. The
paper does not state the learning rate, the initial standard deviation, or the decay of the moving
statistics. Every arm is trained with every learning rate of the grid, and shown with the one that
errs least on validation images. The standard deviation, .1, is ours; `--study rates` compares it
with others.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.curves import cost_to_reach
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Metrics, Training
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import Choice, best, lowest
from benchmarks.harness.views import GUESSING, View, arm, converged, groups, values
from benchmarks.mnist_batchnorm import network, tuned
from benchmarks.mnist_batchnorm.curve_views import accuracy, draw, paper, percentiles, table
from benchmarks.mnist_batchnorm.network import BEFORE, NONE

ARMS = (NONE, BEFORE)
UNITS = 3  # of the last hidden layer, the first ones
PERCENTILES = (15, 50, 85)
EARLY, LATE = 0.1, 0.8  # of the updates: the paper's 5,000th and 40,000th of 50,000
TARGET = 3.0  # % of validation error; in the paper's figure at about steps 35,000 and 15,000
STEADY = 0.25  # of the distance from the 15th to the 85th percentile: a threshold of ours


def grid(settings: Params) -> list[Params]:
    shared = without(settings, "learning_rates")
    return [
        {**shared, "norm": norm, "learning_rate": rate}
        for norm in ARMS
        for rate in settings["learning_rates"]
    ]


def probe(trial: Trial, model, split) -> Metrics:
    """Percentiles of what the first units of the last hidden layer get, at inference."""
    import keras

    layer = model.get_layer(network.activation_name(len(trial.params["widths"]) - 1))
    inner = keras.Model(model.inputs[0], layer.input)
    x = split.train.x[: trial.params["probe_examples"]]
    inputs = keras.ops.convert_to_numpy(inner(x, training=False))[:, :UNITS]
    found = np.percentile(inputs, PERCENTILES, axis=0)
    return {
        f"unit_{unit}_p{percentile}": round(float(found[place, unit]), 4)
        for place, percentile in enumerate(PERCENTILES)
        for unit in range(found.shape[1])
    }


def judge_faster(records: Sequence[Record]) -> Verdict:
    """Higher accuracy early and late at the tuned rates, and fewer updates to the same error."""
    chosen = {norm: best(records, norm=norm) for norm in ARMS}
    rates = f"learning rates {chosen[NONE]} without BN and {chosen[BEFORE]} with it"
    updates = max((record.trial.params["updates"] for record in records), default=0)
    findings = []
    for share in (EARLY, LATE):
        step = round(share * updates)
        none, bn = [accuracy(records, step, norm, chosen[norm].value) for norm in ARMS]
        what = f"validation accuracy at step {step:,}, BN less none ({rates})"
        findings.append(within(what, paired_difference(bn, none), "pp", low=0))
    none, bn = [
        values(records, "test_error", GUESSING, norm=norm, learning_rate=chosen[norm].value)
        for norm in ARMS
    ]
    what = "test accuracy at the end, BN less none"
    findings.append(within(what, paired_difference(none, bn), "pp", low=0))
    (slow, slow_by), (fast, fast_by) = (soonest(records, norm) for norm in ARMS)
    ratios = []
    if any(map(_reaches, records)):
        ratios = [slow_by[key] / fast_by[key] for key in slow_by.keys() & fast_by.keys()]
    what = (
        f"updates to a validation error of {TARGET} %, without BN / with it, each at the learning "
        f"rate that takes fewest ({slow} and {fast}; who does not reach it counts as at the end)"
    )
    findings.append(within(what, mean_interval(ratios), "times", low=1, stated=True))
    return all_of(findings)


def soonest(records: Sequence[Record], norm: str) -> tuple[Choice, Mapping[int, float]]:
    """The learning rate at which an arm reaches `TARGET` in fewest updates, and these by seed.

    A run that does not reach it counts as one that does with its last update.
    """
    arms = groups(arm(records, norm=norm), ("learning_rate",))
    spent = {
        rate: {record.trial.repetition: _updates(record) for record in found}
        for (rate,), found in arms.items()
    }
    choice = lowest({rate: mean_interval([*one.values()]).mean for rate, one in spent.items()})
    return choice, spent.get(choice.value, {})


def _updates(record: Record) -> float:
    """Updates to the target, or all of them."""
    if _reaches(record):
        return cost_to_reach(record, "validation_error", TARGET, "updates")
    return float(record.trial.params["updates"])


def _reaches(record: Record) -> bool:
    return record.status == "ok" and min(record.curves["validation_error"]) <= TARGET


def judge_distribution(records: Sequence[Record]) -> Verdict:
    """BN's median stays within a quarter of the spread, and swings less than without BN."""
    swings = {norm: swing(records, norm) for norm in ARMS}
    what = f"the median's swing over training / the mean spread, {UNITS} last-hidden units"
    return all_of(
        [
            within(
                f"{what}, with BN",
                mean_interval([*swings[BEFORE].values()]),
                "",
                high=STEADY,
            ),
            within(
                f"{what}, without BN less with it",
                paired_difference(swings[NONE], swings[BEFORE]),
                "",
                low=0,
            ),
        ]
    )


def swing(records: Sequence[Record], norm: str) -> dict[int, float]:
    """By repetition, how far the median moves over training, in units of the mean spread.

    The spread is the distance from the 15th to the 85th percentile, and its mean is over training;
    the result is the mean over the units. The learning rate is the arm's tuned one.
    """
    rate = best(records, norm=norm).value
    found = {}
    for key, record in converged(records, norm=norm, learning_rate=rate).items():
        units = []
        for unit in range(UNITS):
            low, median, high = percentiles(record, unit)
            units.append(np.ptp(median) / np.mean(high - low))
        found[key] = float(np.mean(units))
    return found


def expected_faster(params: Params, effect: float) -> dict[str, float]:
    """The errors of the paper's Fig. 1, with the difference between its curves times `effect`."""
    tuned_for = 0.0 if params["learning_rate"] == 1.0 else 1.0
    final = _error(params, effect, 1.0) + tuned_for
    return {"effect": effect, "offset": tuned_for, "test_error": final}


def curves_of(
    params: Params, metrics: dict[str, float]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The error by update of Fig. 1 with a seed's `offset`."""
    effect, offset = metrics.pop("effect"), metrics.pop("offset")
    shares = [(point + 1) / params["points"] for point in range(params["points"])]
    errors = [_error(params, effect, share) + offset for share in shares]
    updates = [params["updates"] * share for share in shares]
    metrics["validation_error"] = errors[-1]
    return metrics, {"updates": updates, "validation_error": errors}


def _error(params: Params, effect: float, share: float) -> float:
    """The error after a share of the updates."""
    plain, normalized = (_published(norm, share) for norm in ARMS)
    return plain + effect * (normalized - plain) if params["norm"] == BEFORE else plain


@functools.cache
def _published(norm: str, share: float) -> float:
    """The error in Fig. 1 after a share of the updates."""
    accuracies = paper(norm).values["accuracy"]
    return 100 - float(np.interp(share * 50_000, [*accuracies], [*accuracies.values()]))


def expected_steady(params: Params, effect: float) -> dict[str, float]:
    """With BN the median moves by a tenth of the spread, without it by four tenths more."""
    steady = toward(effect, 0.1, STEADY)
    swings = {BEFORE: steady, NONE: steady + 0.4 * effect}
    tuned_for = 0.0 if params["learning_rate"] == 1.0 else 1.0
    return {"swing": swings[params["norm"]], "validation_error": 2.0 + tuned_for}


def percentiles_of(
    params: Params, metrics: dict[str, float]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Percentiles whose median moves by `swing` spreads."""
    median = np.linspace(0.0, metrics["swing"], params["points"])
    curves = {
        f"unit_{unit}_p{percentile}": (median + place).tolist()
        for unit in range(UNITS)
        for percentile, place in zip(PERCENTILES, (-0.5, 0.0, 0.5), strict=True)
    }
    return metrics, curves


EXPERIMENT = Experiment(
    name="mnist_batchnorm",
    version=1,
    summary="accuracy by step with and without batch normalization, and a unit's inputs",
    profiles=profiles.load("mnist_batchnorm"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=network.build,
        optimizer=network.optimizer,
        structure=network.structure,
        probe=probe,
    ),
    views=(
        View(
            axis="norm",
            axis_title="batch normalization",
            metrics={"test_error": "test error %", "validation_error": "validation error %"},
            series=("learning_rate",),
            draw=draw,
            table=table,
        ),
        tuned.view(("norm",)),
    ),
    claims=(
        Claim(
            "bn-faster",
            "with BN the network reaches the same accuracy in fewer steps and ends with a higher "
            "one (Fig. 1)",
            judge_faster,
            Effects(
                expected_faster,
                noise={"offset": 0.15, "test_error": 0.1},
                finish=curves_of,
                source="Fig. 1 of the paper; noise: assumed, that of 10,000 images at 2 % error",
            ),
        ),
        Claim(
            "bn-distribution",
            "BN keeps the distribution of a last-hidden unit's input steady over training; without "
            "BN it swings",
            judge_distribution,
            Effects(
                expected_steady,
                noise={"swing": 0.05},
                finish=percentiles_of,
                source="Fig. 1 of the paper has no numbers: effect and noise are ours",
            ),
        ),
    ),
)
