"""Dropout as an ensemble, beside explicit ensembles at equal training cost.

Srivastava et al. (2014), Fig. 11: the error of an average over the predictions of n networks with
different dropout masks, against that of the one network with scaled weights. Beside it, at equal
cost in updates: independent networks whose predictions are averaged, snapshots of one run with a
cyclic learning rate, one network without dropout, and one with dropout. The learning rate of each
is chosen on validation images, by each repetition.
"""

from collections.abc import Sequence

from benchmarks.ensembles import views
from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import View, values

INDEPENDENT, SINGLE = views.INDEPENDENT, views.SINGLE
MARGIN = 0.1  # pp of test error within which weight scaling equals the average over masks: ours


def grid(settings: Params) -> list[Params]:
    """One trial for the independent networks, and one for each cost of a single network."""
    shared = without(settings, "units", "samples")
    costs = settings["units"]
    return [
        {**shared, "networks": INDEPENDENT, "cost": max(costs), "samples": []},
        *(
            {
                **shared,
                "networks": SINGLE,
                "cost": cost,
                "samples": settings["samples"] if cost == max(costs) else [],
            }
            for cost in costs
        ),
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """The network that the harness builds; it is not trained, and tells the number of classes."""
    from benchmarks.ensembles.training import network

    return network(trial, num_classes, input_shape, dropped=False)


def measure(trial: Trial, model, split) -> tuple[Metrics, Curves]:
    from benchmarks.ensembles import training

    kind = training.independent if trial.params["networks"] == INDEPENDENT else training.single
    return kind(trial, model, split)


def judge(records: Sequence[Record]) -> Verdict:
    """Weight scaling equals the average over masks; dropout and explicit ensembles help."""
    cost = views.highest_cost(records)
    samples = views.most_samples(records)

    def one(metric: str) -> dict[int, float]:
        return values(records, metric, networks=SINGLE, cost=cost)

    ensemble = values(records, f"error_{cost}", networks=INDEPENDENT)
    plain = values(records, "error_1", networks=INDEPENDENT)
    findings = [
        within(
            f"test error, weight scaling less the average over {samples} masks",
            paired_difference(one("dropout_error"), one(f"mc_error_{samples}")),
            "pp",
            low=-MARGIN,
            high=MARGIN,
        ),
        within(
            f"test error, without dropout less with it, both trained {cost} units",
            paired_difference(one("plain_error"), one("dropout_error")),
            "pp",
            low=0,
        ),
        within(
            f"test error, one network less the average of {cost} networks",
            paired_difference(plain, ensemble),
            "pp",
            low=0,
        ),
    ]
    return all_of(findings)


def expected(params: Params, effect: float) -> Metrics:
    """Many masks err as scaled weights; dropout takes off a fifth, and an ensemble a third.

    The fifth is that of Fig. 10 at 5,000 images, halved; the third that of published ensembles.
    """
    dropped = 5.0 - 1.0 * effect
    apart = toward(effect, 0.0, MARGIN)
    if params["networks"] == INDEPENDENT:
        return {"error_1": 5.0, f"error_{params['cost']}": 5.0 - 1.6 * effect}
    masks = {f"mc_error_{samples}": dropped - apart for samples in params["samples"]}
    return {"plain_error": 5.0, "dropout_error": dropped, **masks}


def noise(params: Params) -> Metrics:
    masks = {f"mc_error_{samples}": 0.03 for samples in params["samples"]}
    own = {"error_1": 0.15, f"error_{params['cost']}": 0.15, "plain_error": 0.15}
    return {**own, "dropout_error": 0.03, **masks}


EXPERIMENT = Experiment(
    name="ensembles",
    version=1,
    summary="dropout by weight scaling and by Monte Carlo, beside ensembles at equal cost",
    profiles=profiles.load("ensembles"),
    paper_dataset="MNIST",
    grid=grid,
    work=Measuring(measure, build, populations=True),
    views=(
        View(
            axis="masks",
            axis_title="masks",
            metrics={"dropout_error": "test error %"},
            draw=views.draw_samples,
            table=views.samples_table,
        ),
        View(
            axis="cost",
            axis_title="training cost",
            metrics={"plain_error": "test error %"},
            series=("networks",),
            reference=lambda params: references.load("ensembles", "lenet_mnist"),
            draw=views.draw_costs,
            table=views.costs_table,
        ),
    ),
    claims=(
        Claim(
            "dropout-ensemble",
            f"scaled weights err as the average over many masks does (within {MARGIN} pp); dropout "
            "lowers the test error at equal cost; the average of several networks errs less than "
            "one",
            judge,
            Effects(
                expected,
                noise,
                source="Fig. 10 and 11; noise: mnist_dataset_size at 5,000 images, and ours for "
                "the difference between masks and scaled weights of one network",
            ),
        ),
    ),
)
