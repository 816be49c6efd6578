"""Dropout on MNIST: the error against the probability of keeping a unit.

Srivastava et al. (2014), Fig. 9: ReLU networks 784-2048-2048-2048-10, and keep probabilities p from
.1 to 1.0. In sweep n all p have the same width n; in sweep pn all p have the same product pn.
"""

import functools
import sys
from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, provided, within
from benchmarks.harness.cli import main
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Choice, Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import GUESSING, View, values
from benchmarks.networks.dropout_mlp import dropout_mlp

KEEPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
PLATEAU = (0.4, 0.5, 0.6, 0.7, 0.8)
TRAINED = 1.0  # % of training error
LEVEL = 5.5  # % of test error at keep .5 in the profile `quick`
UNUSED = {"n": "expected_widths", "pn": "widths"}  # by sweep, the setting that it does not use


def grid(settings: Params, sweep: str) -> list[Params]:
    sweeps = ("n", "pn") if sweep == "both" else (sweep,)
    return [
        without(settings, UNUSED[each]) | {"sweep": each, "keep": keep}
        for each in sweeps
        for keep in KEEPS
    ]


def structure(params: Params) -> Params:
    """All keep probabilities of a sweep train together. In sweep pn their widths differ."""
    return without(params, "keep")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    widths = params.get("widths") or [round(n / params["keep"]) for n in params["expected_widths"]]
    return dropout_mlp(
        input_shape,
        widths,
        num_classes,
        keep=params["keep"],
        seeds=trial.derive,
        max_norm=params["max_norm"],
        input_stddev=params["input_stddev"],
        initializer_scale=1.0,
    )


def optimizer(trial: Trial):
    from keras.optimizers import schedules

    from keras_ddl.optimizers import ScheduledMomentumSGD
    from keras_ddl.schedules import ExponentialApproach

    params = trial.params
    decays = {
        "linear": functools.partial(schedules.PolynomialDecay, end_learning_rate=0.0),
        "inverse time": functools.partial(schedules.InverseTimeDecay, decay_rate=1.0),
    }
    decay = decays[params["learning_rate_decay"]]
    rate = decay(params["learning_rate"], params["learning_rate_time"])
    initial, final = params["momentum"]
    ramp = ExponentialApproach(initial, final, params["momentum_time"])
    return ScheduledMomentumSGD(rate, momentum=ramp)


def judge_rate(records: Sequence[Record]) -> Verdict:
    """Judge whether the error rises from the plateau to both ends, and whether the plateau is flat.

    The error at each end must lie above the worst error of the plateau. In sweep n the plateau must
    also vary by less than half the rise to keep 1.0. The published curve of sweep pn (Fig. 9b) has
    no plateau, so only its ends are judged. The best network of the plateau must be trained.
    """
    findings, trained = [], []
    for sweep in sorted({record.trial.params["sweep"] for record in records}):
        error = {
            keep: values(records, "test_error", diverged=GUESSING, sweep=sweep, keep=keep)
            for keep in KEEPS
        }
        run = [keep for keep in PLATEAU if error[keep]]
        mean = {keep: mean_interval([*error[keep].values()]).mean for keep in run}
        if len(run) < len(PLATEAU):
            findings.append(within(f"sweep {sweep}: all of keep .4-.8", mean_interval([]), "pp"))
            continue
        worst, best = max(mean, key=mean.__getitem__), min(mean, key=mean.__getitem__)
        errors = values(records, "train_error", diverged=GUESSING, sweep=sweep, keep=best)
        what = f"sweep {sweep}: training error at keep {best}, the best of .4-.8"
        trained.append(within(what, mean_interval([*errors.values()]), "%", high=TRAINED))
        for end in (KEEPS[0], KEEPS[-1]):
            rise = paired_difference(error[end], error[worst])
            what = f"sweep {sweep}: test error at keep {end} above keep {worst}, the worst of .4-.8"
            findings.append(within(what, rise, "pp", low=0))
        if sweep == "n":
            both = error[KEEPS[-1]].keys() & error[best].keys()
            middle = {k: (error[KEEPS[-1]][k] + error[best][k]) / 2 for k in both}
            what = f"sweep n: middle of best ({best}) and keep 1.0, above the worst of .4-.8"
            findings.append(within(what, paired_difference(middle, error[worst]), "pp", low=0))
    return provided(trained, findings)


def expected(params: Params, effect: float) -> dict[str, float]:
    """The errors of Fig. 9a, in units of the error at keep .5; without the effect all are equal."""
    paper = references.load("dropout", "fig9_n").values["test_error"]
    error = LEVEL * (1 + effect * (paper[params["keep"]] / paper[0.5] - 1))
    return {"test_error": error, "train_error": 0.0}


EXPERIMENT = Experiment(
    name="mnist_dropout",
    version=1,
    summary="test error by dropout rate, at fixed width n and at fixed expected width pn",
    profiles=profiles.load("mnist_dropout"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=build,
        optimizer=optimizer,
        structure=structure,
    ),
    views=(
        View(
            axis="keep",
            axis_title="keep p",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            curves={"loss": "training loss", "validation_error": "validation error %"},
            split_by=("sweep",),
            reference=lambda params: references.load("dropout", f"fig9_{params['sweep']}"),
        ),
    ),
    claims=(
        Claim(
            "dropout-rate",
            "test error is flat for keep .4-.8 (within half the rise) and rises to both ends",
            judge_rate,
            Effects(
                expected,
                {"test_error": 0.23},
                source="the errors of Fig. 9a over the error at keep .5; noise: the stored records",
            ),
        ),
    ),
    choices=(
        Choice("sweep", ("n", "pn", "both"), "fixed width n, fixed expected width pn, or both"),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
