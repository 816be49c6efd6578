"""Outputs of each layer of a deep network at initialization: mean, spread, share of active units.

Every activation function is combined with every initializer. The inputs are real images. There are
only forward passes.
"""

import itertools
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.experiment import Experiment, Measuring
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import Section, View, values
from benchmarks.initialization import signals

ACTIVATIONS = ("sigmoid", "tanh", "relu", "elu")
SATURATED = {"sigmoid": lambda a: (a < 0.01) | (a > 0.99), "tanh": lambda a: np.abs(a) > 0.99}
BINS = 30


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
        "function_us": median_seconds(trial.params["activation"]) * 1e6,
    }
    return metrics, curves


def layers_with_histograms(depth: int) -> list[int]:
    """The layers whose histograms are recorded, counted from 1."""
    return sorted({1, *(round(depth * share) for share in (0.25, 0.5, 0.75, 1.0))})


def median_seconds(activation: str) -> float:
    """The median time in seconds of the activation function alone, on a million units."""
    import keras
    from keras import ops

    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1000, 1000)).astype("float32"))
    function = keras.activations.get(activation)
    times = []
    for _ in range(9):
        started = time.perf_counter()
        ops.convert_to_numpy(ops.max(function(x)))
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def judge_half_active(records: Sequence[Record]) -> Verdict:
    findings = []
    for name in ("Xavier", "He", "orthonormal"):
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
    relu, elu = (values(records, "function_us", network=f"{a}, He") for a in ("relu", "elu"))
    ratios = mean_interval([elu[key] / relu[key] for key in relu.keys() & elu.keys()])
    findings.append(within("time of the function, ELU / ReLU", ratios, "times", low=1))
    return all_of(findings)


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
    version=1,
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
        ),
        Claim(
            "init-scale",
            "std .01 makes deep activations collapse, 1.0 saturates tanh; Xavier is right for tanh "
            "and fails for ReLU, He fixes it",
            judge_init_scale,
        ),
        Claim(
            "elu-zero-mean",
            "ELU outputs are nearer zero mean than ReLU's; its exponential costs time",
            judge_elu,
        ),
    ),
)
