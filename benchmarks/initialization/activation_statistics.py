"""Outputs of each layer of a deep network at initialization: mean, spread, share of active units.

Every activation function is combined with every initializer. The inputs are real images. There are
only forward passes.
"""

import itertools
import operator
import statistics
from collections.abc import Sequence

import numpy as np

from benchmarks.costs.turns import take_turns
from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Experiment, Measuring
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import Section, View, values
from benchmarks.initialization import signals

ACTIVATIONS = ("sigmoid", "tanh", "relu", "elu")
SATURATED = {"sigmoid": lambda a: (a < 0.01) | (a > 0.99), "tanh": lambda a: np.abs(a) > 0.99}
BINS = 30
ROUNDS = 9  # of the timings of ELU and ReLU


def grid(settings: Params) -> list[Params]:
    return [
        {**settings, "network": f"{activation}, {name}", "activation": activation, "init": name}
        for activation, name in itertools.product(ACTIVATIONS, signals.INITIALIZERS)
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    return signals.mlp(
        input_shape,
        num_classes,
        depth=params["depth"],
        width=params["width"],
        activation=params["activation"],
        name=params["init"],
    )


def measure(trial: Trial, model, data):
    from keras_ddl.initializers import lsuv_init

    x = signals.standardized(data.train.x)
    if trial.params["init"] == "LSUV":
        lsuv_init(model, x, batch_size=len(x), seed=trial.derive("lsuv"))
    *hidden, _ = signals.outputs(model, x)
    saturated = SATURATED.get(trial.params["activation"], np.zeros_like)
    curves = {
        "layer": [float(1 + index) for index in range(len(hidden))],
        "mean": [float(layer.mean()) for layer in hidden],
        "std": [float(layer.std()) for layer in hidden],
        "active": [float(100 * (layer > 0).mean()) for layer in hidden],
        "saturated": [float(100 * saturated(layer).mean()) for layer in hidden],
    }
    for index in layers_with_histograms(len(hidden)):
        counts, edges = np.histogram(hidden[index - 1], BINS)
        curves[f"histogram {index}"] = [float(edges[0]), float(edges[-1]), *map(float, counts)]
    rms = np.sqrt(np.square(curves["mean"]) + np.square(curves["std"]))
    # Signals grow or shrink by a factor per layer, so logarithms are compared. The smallest
    # standard deviation is taken as 1e-30.
    orders = np.log10(np.maximum(curves["std"], 1e-30))
    metrics = {
        "first_std": curves["std"][0],
        "log10_last_std": float(orders[-1]),
        "log10_std_ratio": float(orders[-1] - orders[0]),
        "last_saturated": curves["saturated"][-1],
        "active": float(np.mean(curves["active"])),
        "offset": float(np.mean(np.abs(curves["mean"]) / np.maximum(rms, 1e-300))),
    }
    if trial.params["activation"] == "elu":
        metrics["time_over_relu"] = time_over_relu()
    return metrics, curves


def layers_with_histograms(depth: int) -> list[int]:
    """The layers whose histograms are recorded, counted from 1."""
    return sorted({1, *(round(depth * share) for share in (0.25, 0.5, 0.75, 1.0))})


def time_over_relu() -> float:
    """The time of ELU alone divided by that of ReLU, on a million units.

    The two take turns, and the result is the median over the rounds of the ratio.
    """
    import keras
    from keras import ops

    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1000, 1000)).astype("float32"))

    def call(name: str):
        function = keras.activations.get(name)
        return lambda: ops.convert_to_numpy(ops.max(function(x)))

    times = take_turns({name: call(name) for name in ("relu", "elu")}, ROUNDS)
    return statistics.median(map(operator.truediv, times["elu"], times["relu"]))


def judge_half_active(records: Sequence[Record]) -> Verdict:
    """With He's and with orthonormal weights. ReLU ignores their scale, so Xavier's are He's."""
    findings = []
    for name in ("He", "orthonormal"):
        rates = values(records, "active", network=f"relu, {name}")
        what = f"active ReLU units, mean of all layers, {name}"
        findings.append(within(what, mean_interval([*rates.values()]), "%", low=45, high=55))
    return all_of(findings)


def judge_init_scale(records: Sequence[Record]) -> Verdict:
    def finding(network, metric, what, unit, **bounds):
        seen = mean_interval([*values(records, metric, network=network).values()])
        return within(f"{network}: {what}", seen, unit, **bounds)

    ratio = ("log10_std_ratio", "std of the last layer / the first", "orders of magnitude")
    return all_of(
        [
            finding("tanh, normal .01", *ratio, high=-2),
            finding("tanh, normal 1", "last_saturated", "saturated in the last layer", "%", low=50),
            finding("tanh, Xavier", *ratio, low=-0.7, high=0.7),
            finding("relu, Xavier", *ratio, high=-1),
            finding("relu, He", *ratio, low=-0.7, high=0.7),
        ]
    )


def judge_elu(records: Sequence[Record]) -> Verdict:
    findings = []
    for name in ("Xavier", "He", "LSUV"):
        relu, elu = (values(records, "offset", network=f"{a}, {name}") for a in ("relu", "elu"))
        what = f"|mean| / rms of outputs, all layers, ReLU less ELU, {name}"
        findings.append(within(what, paired_difference(relu, elu), "", low=0))
    by_network = [
        values(records, "time_over_relu", network=f"elu, {name}") for name in signals.INITIALIZERS
    ]
    everywhere = set.intersection(*({*seeds} for seeds in by_network))
    ratios = [statistics.fmean(seeds[key] for seeds in by_network) for key in sorted(everywhere)]
    what = f"time of the function, ELU / ReLU in turns, mean of {len(by_network)} timings"
    findings.append(within(what, mean_interval(ratios), "times", low=1, stated=True))
    return all_of(findings)


def expected(params: Params, effect: float) -> dict[str, float]:
    """Theory for infinitely wide layers; ELU: the differences that were measured."""
    activation, depth = params["activation"], params["depth"]
    ratios = {
        "tanh, normal .01": toward(effect, -0.6 * depth, -2),
        "tanh, Xavier": toward(effect, -0.55, -0.7),
        "relu, Xavier": toward(effect, -0.15 * (depth - 1), -1),
        "relu, He": toward(effect, 0.0, 0.7),
    }
    nearer = 0.2 * effect if activation == "elu" else 0.0
    return {
        "active": toward(effect, 50.0, 55.0),
        "log10_std_ratio": ratios.get(params["network"], 0.0),
        "last_saturated": toward(effect, 85.0, 50.0),
        "offset": 0.8 - nearer,
        "time_over_relu": toward(effect, 1.5, 1.0),
    }


EFFECTS = Effects(
    expected,
    noise={
        "active": 1.0,
        "log10_std_ratio": 0.03,
        "last_saturated": 0.2,
        "offset": 0.02,
        "time_over_relu": 0.15,
    },
    source="theory for wide layers; noise: the stored records; timings: assumed",
)


def histograms(section: Section, figure) -> None:
    """Draw histograms of layers, with a row for each initializer and a column for each activation.

    In each panel the layers stand one above the other, the first one on top.
    """
    first = {record.trial.params["network"]: record for record in reversed(section.records)}
    names = [
        name for name in signals.INITIALIZERS if any(f"{a}, {name}" in first for a in ACTIVATIONS)
    ]
    figure.set_size_inches(12, 2.0 * len(names) + 1)
    panels = figure.subplots(len(names), len(ACTIVATIONS), squeeze=False)
    for row, name in zip(panels, names, strict=True):
        for axes, activation in zip(row, ACTIVATIONS, strict=True):
            record = first.get(f"{activation}, {name}")
            curves = record.curves if record else {}
            layers = [key for key in curves if key.startswith("histogram")]
            for height, key in enumerate(reversed(layers)):
                low, high, *counts = curves[key]
                edges = np.linspace(low, high, len(counts) + 1)
                heights = height + 0.9 * np.array(counts) / max(counts)
                axes.stairs(heights, edges, baseline=height, fill=True, alpha=0.7)
            axes.set_yticks(range(len(layers)), [key.split()[1] for key in reversed(layers)])
            axes.set_title(f"{activation}, {name}", fontsize="small")
            axes.tick_params(labelsize="x-small")
        row[0].set_ylabel("layer", fontsize="small")


EXPERIMENT = Experiment(
    name="activation_statistics",
    version=2,  # 2: ELU is timed in turns with ReLU
    summary="mean, spread and share of active units by layer, activation and initializer",
    profiles=profiles.load("activation_statistics"),
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
                "first_std": "std, first layer",
                "log10_last_std": "log10 of std, last layer",
                "log10_std_ratio": "log10 last / first",
                "active": "active %, all layers",
                "last_saturated": "saturated %, last layer",
                "offset": "mean / rms, all layers",
            },
            draw=histograms,
        ),
    ),
    claims=(
        Claim(
            "half-active",
            "at random init only about 50 % of ReLU units are active",
            judge_half_active,
            EFFECTS,
        ),
        Claim(
            "init-scale",
            "std .01 makes deep activations collapse, 1.0 saturates tanh; Xavier is right for tanh "
            "and fails for ReLU, He fixes it",
            judge_init_scale,
            EFFECTS,
        ),
        Claim(
            "elu-zero-mean",
            "ELU outputs are nearer zero mean than ReLU's; its exponential costs time",
            judge_elu,
            EFFECTS,
        ),
    ),
)
