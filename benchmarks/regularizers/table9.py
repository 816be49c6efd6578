"""Regularizers on MNIST: Table 9 of the dropout paper, each arm tuned with the same budget.

Srivastava et al. (2014), Table 9: ReLU networks 784-1024-1024-2048-10 with weight decay, max-norm,
sparsity, dropout and combinations. Here every arm is trained with the same number of settings
(learning rate and strengths), and shown with the one that errs least on validation images. Early
stopping is the unregularized network, stopped by a criterion on the same validation images. They
are a third of the images that are not for the test.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import View
from benchmarks.regularizers import network, views
from benchmarks.regularizers.arms import ARMS, NONE, STOPPED, TUNED, candidates
from benchmarks.regularizers.choosing import CRITERION, chosen

RIVALS = ("L2", "L1", "max-norm", STOPPED)
SPARSE = 50.0  # % of the weights below .001 that count as "most": ours


def grid(settings: Params) -> list[Params]:
    ranges = {name: settings[f"{name}_range"] for name in TUNED}
    shared = {k: v for k, v in settings.items() if k != "trials" and not k.endswith("_range")}
    return [
        {**shared, "arm": name, "candidate": place, **one}
        for name, names in ARMS.items()
        for place, one in enumerate(candidates(names, ranges, settings["trials"]))
    ]


def watchers(trials: Sequence[Trial], splits: Sequence[Any]) -> list[Any]:
    from benchmarks.regularizers import stopping, weights

    watching: list[Any] = [weights.WeightStatistics(trials)]
    if "late_l1" in trials[0].params:
        watching.append(weights.LateL1(trials))
    if trials[0].params["arm"] == NONE:
        watching.append(stopping.StoppedInHindsight(splits))
    return watching


def judge_dropout(records: Sequence[Record]) -> Verdict:
    """Dropout has a lower test error than each of the older regularizers."""
    return all_of(
        [
            within(
                f"test error, {rival} less dropout",
                paired_difference(
                    chosen(records, rival, "test_error"), chosen(records, "dropout", "test_error")
                ),
                "pp",
                low=0,
            )
            for rival in RIVALS
        ]
    )


def judge_stopping(records: Sequence[Record]) -> Verdict:
    """The stopped network has a lower test loss and test error than the one trained to the end."""
    findings = []
    for metric, unit in (("test_loss", "nats"), ("test_error", "pp")):
        full, stopped = (chosen(records, name, metric) for name in (NONE, STOPPED))
        what = f"{metric.replace('_', ' ')}, not stopped less stopped (each with its tuned rate)"
        findings.append(within(what, paired_difference(full, stopped), unit, low=0))
    return all_of(findings)


def judge_sparse(records: Sequence[Record]) -> Verdict:
    """Most weights are near zero with L1; with L2 fewer are, and they are more equal."""
    l1, l2 = (chosen(records, name, "small_weights") for name in ("L1", "L2"))
    spread_l2, spread_l1 = (chosen(records, n, "effective_weights") for n in ("L2", "L1"))
    return all_of(
        [
            within(
                "share of weights below .001 with L1",
                mean_interval([*l1.values()]),
                "%",
                low=SPARSE,
            ),
            within(
                "share of weights below .001, L1 less L2", paired_difference(l1, l2), "pp", low=0
            ),
            within(
                "effective share of weights, (sum |w|)^2 / (n sum w^2), L2 less L1",
                paired_difference(spread_l2, spread_l1),
                "pp",
                low=0,
            ),
        ]
    )


LEVEL = 5.0  # % of test error with L2 in the profile `quick`


def expected(params: Params, effect: float) -> dict[str, float]:
    """The errors of Table 9 over that of L2; stopping and sparse weights: ours.

    The paper has no L1, early stopping or dropout alone. The first two stand at the error of L2,
    dropout at that of dropout and L2.
    """
    paper = references.load("dropout", "table9").values["test_error"]
    name, base = params["arm"], paper["L2"]
    key: Any = {"dropout": "dropout + L2"}.get(name, name)
    test = LEVEL * (1 + effect * (paper.get(key, base) / base - 1))
    tuned_for = 0.0 if params["candidate"] == 2 else 0.6
    stopped = {
        f"{CRITERION}_test_error": test - 0.3 * effect,
        f"{CRITERION}_test_loss": 0.25 - 0.05 * effect,
        f"{CRITERION}_validation_error": test + tuned_for,
    }
    return {
        "test_error": test,
        "test_loss": 0.25,
        "validation_error": test + tuned_for,
        "small_weights": toward(effect, 90.0, SPARSE) if name == "L1" else SPARSE - 40 * effect,
        "effective_weights": 30.0 - 20 * effect * (name == "L1"),
        **(stopped if name == NONE else {}),
    }


EFFECTS = Effects(
    expected,
    noise={
        "test_error": 0.12,
        "test_loss": 0.005,
        "validation_error": 0.15,
        "small_weights": 2.0,
        "effective_weights": 2.0,
    },
    source="Table 9 over its L2; stopping, sparse weights and noise: ours",
)


EXPERIMENT = Experiment(
    name="regularizers",
    version=1,
    summary="test error with weight decay, sparsity, max-norm, early stopping and dropout, tuned",
    profiles=profiles.load("regularizers"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=network.build,
        optimizer=network.optimizer,
        structure=network.structure,
        watchers=watchers,
    ),
    views=(
        View(
            axis="arm",
            axis_title="regularizer",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            reference=lambda params: references.load("dropout", "table9"),
            draw=views.draw_arms,
            table=views.arms_table,
        ),
        View(
            axis="candidate",
            axis_title="trial",
            metrics={"validation_error": "validation error %"},
            series=("arm",),
            draw=views.draw_tuning,
            table=views.tuning_table,
        ),
        View(
            axis="stopping",
            axis_title="criterion",
            metrics={"test_error": "test error %"},
            draw=views.draw_stopping,
            table=views.stopping_table,
        ),
        View(
            axis="weights",
            axis_title="weights",
            metrics={"small_weights": "weights below .001 %"},
            draw=views.draw_weights,
            table=views.weights_table,
        ),
    ),
    claims=(
        Claim(
            "dropout-beats-decay",
            "dropout has a lower test error than L2, L1, max-norm and early stopping, each tuned "
            "with the same number of trials",
            judge_dropout,
            EFFECTS,
        ),
        Claim(
            "early-stopping",
            "early stopping on a validation third lowers test loss and test error",
            judge_stopping,
            EFFECTS,
        ),
        Claim(
            "l1-sparse",
            "L1 drives most weights to zero (below .001), and L2 spreads them",
            judge_sparse,
            EFFECTS,
        ),
    ),
)
