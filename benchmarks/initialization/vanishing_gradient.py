"""Vanishing gradients: norms of gradients by layer at initialization.

The measured quantity is a ratio. Its numerator is the norm of the loss's gradient with respect to
the first kernel between hidden layers, its denominator the norm for the last such kernel. The
networks differ in depth, activation function and initializer. Nothing is trained.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Measuring
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import Section, View, values
from benchmarks.initialization import signals

NETWORKS = (
    ("sigmoid", "Xavier"),
    ("sigmoid", "LSUV"),
    ("tanh", "Xavier"),
    ("tanh", "LSUV"),
    ("relu", "Xavier"),
    ("relu", "He"),
    ("relu", "LSUV"),
    ("elu", "He"),
)


def grid(settings: Params) -> list[Params]:
    rest = without(settings, "depths")
    return [
        {**rest, "depth": depth, "network": f"{activation}, {name}"}
        for depth in settings["depths"]
        for activation, name in NETWORKS
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    activation, name = params["network"].split(", ")
    return signals.mlp(
        input_shape,
        num_classes,
        depth=params["depth"],
        width=params["width"],
        activation=activation,
        name=name,
    )


def measure(trial: Trial, model, data):
    from keras_ddl.initializers import lsuv_init

    x = signals.standardized(data.train.x)
    if trial.params["network"].endswith("LSUV"):
        lsuv_init(model, x, batch_size=len(x), seed=trial.derive("lsuv"))
    # Leave out the first and the last kernel: their shapes depend on the numbers of inputs and
    # classes. All kernels between them have the same shape.
    _, *norms, _ = signals.gradient_norms(model, x, data.train.y)
    curves = {"layer": [float(2 + index) for index in range(len(norms))], "gradient": norms}
    orders = np.log10(np.maximum(norms, 1e-300))
    metrics = {
        "log10_ratio": float(orders[0] - orders[-1]),
        "per_layer": float(10 ** ((orders[0] - orders[-1]) / (len(norms) - 1))),
    }
    return metrics, curves


def judge(records: Sequence[Record]) -> Verdict:
    """Judge the gradients at the greatest depth that was run."""
    depth = max((record.trial.params["depth"] for record in records), default=0)

    def ratio(network):
        return values(records, "log10_ratio", network=network, depth=depth)

    unit = "orders of magnitude"
    sigmoid, tanh, relu = ratio("sigmoid, Xavier"), ratio("tanh, Xavier"), ratio("relu, He")
    return all_of(
        [
            within(
                f"{depth} layers: first / last gradient, sigmoid, Xavier",
                mean_interval([*sigmoid.values()]),
                unit,
                high=-2,
            ),
            within(
                f"{depth} layers: tanh less sigmoid, both Xavier",
                paired_difference(tanh, sigmoid),
                unit,
                low=0,
            ),
            within(
                f"{depth} layers: first / last gradient, ReLU, He",
                mean_interval([*relu.values()]),
                unit,
                low=-0.7,
                high=0.7,
            ),
        ]
    )


def expected(params: Params, effect: float) -> dict[str, float]:
    """Sigmoid: a factor of 1/4 in each of the layers between the two; tanh and ReLU: none."""
    sigmoid = toward(effect, -0.6 * (params["depth"] - 2), -2.0)
    return {
        "log10_ratio": {
            "sigmoid, Xavier": sigmoid,
            "tanh, Xavier": sigmoid * (1 - effect),
            "relu, He": toward(effect, 0.0, 0.7),
        }.get(params["network"], 0.0)
    }


def by_layer(section: Section, figure) -> None:
    axes = figure.subplots()
    figure.set_size_inches(8, 5)
    for activation, name in NETWORKS:
        network = f"{activation}, {name}"
        records = [r for r in section.records if r.trial.params["network"] == network]
        lines = [record.curves["gradient"] for record in records if record.status == "ok"]
        if lines:
            mean = np.exp(np.mean(np.log(np.maximum(lines, 1e-300)), axis=0))
            axes.semilogy(records[0].curves["layer"], mean, marker=".", label=network)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="hidden layer", ylabel="norm of the gradient of its kernel")
    axes.legend(fontsize="small", ncols=2)


EXPERIMENT = Experiment(
    name="vanishing_gradient",
    version=1,
    summary="gradient norms by layer at initialization, by depth, activation and initializer",
    profiles=profiles.load("vanishing_gradient"),
    paper_dataset="MNIST",
    grid=grid,
    work=Measuring(
        measure=measure,
        build=build,
    ),
    views=(
        View(
            axis="network",
            axis_title="activation, initializer",
            metrics={
                "log10_ratio": "log10 first / last gradient",
                "per_layer": "factor per layer, going back",
            },
            split_by=("depth",),
            draw=by_layer,
        ),
    ),
    claims=(
        Claim(
            "vanishing-gradient",
            "sigmoid' <= 1/4, so gradients vanish with depth (by two orders of magnitude or more); "
            "tanh less so; ReLU not",
            judge,
            Effects(
                expected,
                noise={"log10_ratio": 0.1},
                source="sigmoid' <= 1/4; noise: the stored records",
            ),
        ),
    ),
)
