"""XOR: what a perceptron cannot learn, and a network with one hidden layer can.

The perceptron rule runs on AND, OR and XOR from random integer weights, in a random order of the
four points. Networks 2-2-1 and 2-4-1 learn XOR by gradient descent on all four points at once.
The claim is that of lectures after Minsky and Papert (1969), which give no set-up: it is ours.
"""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.cli import main
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.results.tables import cell
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import Section, Table, View, arm, groups, values
from benchmarks.networks.perceptron import POINTS, TABLES, learn

PERCEPTRON = "perceptron"
LARGEST_START = 3  # of a perceptron's initial weights, which are integers
SOME = 1.0  # % of the networks that have to learn XOR for "can": a threshold of ours
SMALL = {"fontsize": "x-small", "title_fontsize": "x-small"}
WEIGHTS = ("kernel_1", "bias_1", "kernel_2", "bias_2")


class TruthTables(RandomNumbers):
    """The four points of AND, OR and XOR; initial weights are drawn by each trial."""

    name, title, source = "logic", "truth tables", "the four points of the plane"


def grid(settings: Params) -> list[Params]:
    shared = {name: settings[name] for name in ("seeds", "updates", "epochs", "learning_rates")}
    perceptrons = [{**shared, "network": PERCEPTRON, "task": task} for task in TABLES]
    networks = itertools.product(settings["widths"], settings["activations"])
    return perceptrons + [
        {
            **shared,
            "network": f"2-{width}-1",
            "task": "XOR",
            "width": width,
            "activation": activation,
        }
        for width, activation in networks
    ]


def measure(trial: Trial) -> tuple[Metrics, Curves]:
    return (perceptrons if trial.params["network"] == PERCEPTRON else networks)(trial)


def perceptrons(trial: Trial) -> tuple[Metrics, Curves]:
    """Shares in % that converge and that cycle; the first seed's cycle, or final weights."""
    params = trial.params
    rng = np.random.default_rng(trial.derive("perceptron"))
    runs = []
    for _ in range(params["seeds"]):
        start = rng.integers(-LARGEST_START, LARGEST_START + 1, size=3)
        order = rng.permutation(len(POINTS))
        runs.append(learn(TABLES[params["task"]], start.tolist(), order.tolist(), params["epochs"]))
    lengths = [len(run.cycle) for run in runs if run.cycle]
    metrics = {
        "learned": 100 * float(np.mean([run.converged for run in runs])),
        "cycles": 100 * len(lengths) / len(runs),
        "epochs": float(np.mean([run.epochs for run in runs])),
    }
    if lengths:
        metrics["updates_of_cycle"] = float(np.mean(lengths))
    shown = runs[0].cycle or runs[0].weights[-1:]
    lines = np.array(shown, dtype=float).T
    return metrics, {
        name: line.tolist() for name, line in zip(("w1", "w2", "b"), lines, strict=True)
    }


def networks(trial: Trial) -> tuple[Metrics, Curves]:
    """Shares in % that learn XOR, and the weights of a network that did and of one that did not.

    All networks of all learning rates are one Keras model: the first axis of the kernels counts
    them. The loss is the sum of theirs, each times its learning rate, and the optimizer's rate is
    1: so every network takes the steps of plain gradient descent at its own rate. Networks of one
    seed start from the same weights at every rate.
    """
    import keras
    from keras import ops

    from keras_ddl import Population

    params = trial.params
    rates, width, updates = params["learning_rates"], params["width"], params["updates"]
    count = len(rates) * params["seeds"]
    rng = np.random.default_rng(trial.derive("networks"))
    hidden = keras.layers.EinsumDense(
        "bi,nih->bnh", (count, width), bias_axes="nh", activation=params["activation"]
    )
    outputs = keras.layers.EinsumDense("bnh,nh->bn", (count,), bias_axes="n")
    model = keras.Sequential([keras.Input((2,)), hidden, outputs])
    drawn = [
        rng.uniform(-bound, bound, size=(params["seeds"], *shape))
        for bound, shape in (  # Xavier's uniform initializer
            (np.sqrt(6 / (2 + width)), (2, width)),
            (np.sqrt(6 / (width + 1)), (width,)),
        )
    ]
    first, last = (np.concatenate([part] * len(rates)) for part in drawn)
    model.set_weights([first, np.zeros((count, width)), last, np.zeros(count)])
    own_rates = np.repeat(rates, params["seeds"]).astype("float32")

    def loss(targets, logits):
        each = ops.binary_crossentropy(targets, logits, from_logits=True)
        return ops.sum(each * own_rates, axis=-1)

    targets = np.repeat(np.array(TABLES["XOR"])[:, None], count, axis=1).astype("float32")
    loop = Population.from_models([model])  # for its compiled loop over all updates
    loop.compile(keras.optimizers.SGD(1.0), loss)
    x, y = [np.tile(part, (updates, 1)) for part in (POINTS.astype("float32"), targets)]
    loop.fit(x, y, batch_size=len(POINTS), shuffle=False, verbose=0)
    logits = ops.convert_to_numpy(model(POINTS.astype("float32")))
    right = ((logits > 0) == targets).all(axis=0)
    weights = dict(zip(WEIGHTS, model.get_weights(), strict=True))
    curves: Curves = {}
    for name, wanted in (("learned", True), ("stuck", False)):
        places = np.flatnonzero(right == wanted)
        if len(places):
            curves |= {
                f"{name}_{part}": np.ravel(array[places[0]]).round(4).tolist()
                for part, array in weights.items()
            }
    by_rate = right.reshape(len(rates), params["seeds"])
    shares = zip(rates, by_rate.mean(axis=1), strict=True)
    return {share_at(rate): 100 * float(share) for rate, share in shares}, curves


def share_at(rate: float) -> str:
    """The metric: the share of networks in % that learn at a learning rate."""
    return f"learned_{rate}"


def best_share(records: Sequence[Record], network: str) -> tuple[str, list[float]]:
    """The activation and learning rate with which most networks learn, and the shares."""
    shares = {
        f"{activation}, learning rate {rate}": [*values(found, share_at(rate)).values()]
        for (activation,), found in groups(arm(records, network=network), ("activation",)).items()
        for rate in found[0].trial.params["learning_rates"]
    }
    shares = {how: found for how, found in shares.items() if found}
    if not shares:
        return "", []
    how = max(shares, key=lambda one: mean_interval(shares[one]).mean)
    return how, shares[how]


def judge(records: Sequence[Record]) -> Verdict:
    """All perceptrons learn AND and OR, none learns XOR and all cycle; some networks learn it."""
    findings = []
    starts = max((record.trial.params["seeds"] for record in records), default=0)
    for task, metric, bounds in (
        ("AND", "learned", {"low": 100}),
        ("OR", "learned", {"low": 100}),
        ("XOR", "learned", {"high": 0}),
        ("XOR", "cycles", {"low": 100}),
    ):
        share = mean_interval([*values(records, metric, network=PERCEPTRON, task=task).values()])
        does = "learn it" if metric == "learned" else "fall into a cycle"
        what = f"perceptrons on {task} that {does}, of {starts} starts in each repetition"
        findings.append(within(what, share, "%", **bounds, stated=True))
    networks = {record.trial.params["network"] for record in records} - {PERCEPTRON}
    for network in sorted(networks):
        how, shares = best_share(records, network)
        what = f"{network} networks that learn XOR, of {starts} starts in each repetition ({how}, "
        what += "where most do)"
        findings.append(within(what, mean_interval(shares), "%", low=SOME))
    return all_of(findings)


def table(section: Section) -> Table:
    """Perceptrons by task, then networks by activation with a column for each learning rate."""
    rates = section.records[0].trial.params["learning_rates"]
    headers = ["network", "task", "learned %", *(f"learned %, rate {rate}" for rate in rates)]
    headers += ["cycles %", "updates of the cycle", "repetitions"]
    rows = []
    for task, found in _by_task(section.records):
        cells = [cell(found, metric) for metric in ("learned", "cycles", "updates_of_cycle")]
        blanks = [""] * len(rates)
        rows.append([PERCEPTRON, task, cells[0], *blanks, *cells[1:], len(found)])
    others = [r for r in section.records if r.trial.params["network"] != PERCEPTRON]
    for (network, activation), found in groups(others, ("network", "activation")).items():
        cells = [cell(found, share_at(rate)) for rate in rates]
        rows.append([f"{network}, {activation}", "XOR", "", *cells, "", "", len(found)])
    return headers, rows


def _by_task(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    for task in TABLES:
        found = arm(records, network=PERCEPTRON, task=task)
        if found:
            yield task, found


def draw(section: Section, figure) -> None:
    """Decision boundaries: perceptrons above; networks that learned XOR, and stuck ones, below."""
    figure.set_size_inches(12, 7.6)
    above, below = figure.subplots(2, 3)
    for axes, (task, found) in zip(above, _by_task(section.records), strict=False):
        curves = found[0].curves
        lines = list(zip(curves["w1"], curves["w2"], curves["b"], strict=True))
        for number, line in enumerate(lines, start=1):
            _line(axes, *line, shade=0.25 + 0.75 * number / len(lines))
        if len(lines) > 1:
            axes.legend(title="(w1, w2, b) by update", loc="center", **SMALL)
        ended = f"a cycle of {len(lines)} updates" if len(lines) > 1 else "learned"
        _points(axes, TABLES[task], f"perceptron, {task}: {ended}")
    for axes, (title, activation, weights) in zip(below, _networks(section.records), strict=False):
        _regions(axes, activation, weights)
        _points(axes, TABLES["XOR"], title)
    for axes in (*above, *below):
        if not axes.has_data():
            axes.set_visible(False)


def _networks(records: Sequence[Record]) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """At most three: a 2-2-1 and a 2-4-1 network that learned, and one that did not."""
    for network, ended in (("2-2-1", "learned"), ("2-4-1", "learned"), ("2-2-1", "stuck")):
        for record in arm(records, network=network):
            if f"{ended}_{WEIGHTS[0]}" in record.curves:
                activation = record.trial.params["activation"]
                weights = [np.array(record.curves[f"{ended}_{name}"]) for name in WEIGHTS]
                yield f"{network}, {activation}: {ended}", activation, weights
                break


def _regions(axes, activation: str, weights: Sequence[np.ndarray]) -> None:
    """The side of 1 in colour."""
    functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "relu": lambda z: np.maximum(z, 0),
    }
    kernel, bias, out, shift = weights
    ticks = np.linspace(-0.5, 1.5, 200)
    x = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    hidden = functions[activation](x @ kernel.reshape(2, -1) + bias)
    logits = hidden @ out + shift
    axes.contourf(ticks, ticks, logits > 0, levels=[-0.5, 0.5, 1.5], colors=["white", "#cfe2f3"])


def _line(axes, w1: float, w2: float, b: float, shade: float) -> None:
    """The line w1 x + w2 y + b = 0, if there is one; the legend has the weights in any case."""
    style = {"color": "tab:blue", "alpha": shade, "label": f"({w1:g}, {w2:g}, {b:g})"}
    if w1 or w2:
        foot = -b * np.array([w1, w2]) / (w1**2 + w2**2)
        axes.axline(foot, foot + np.array([-w2, w1]), **style)
    else:
        axes.plot([], [], " ", **style)


def _points(axes, targets: Sequence[int], title: str) -> None:
    colours = ["black" if target else "white" for target in targets]
    axes.scatter(*POINTS.T, c=colours, edgecolors="black", s=80, zorder=3)
    axes.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), aspect="equal", xticks=(0, 1), yticks=(0, 1))
    axes.set_title(title, fontsize="small")


def expected(params: Params, effect: float) -> Metrics:
    """All or none of the perceptrons; half of the networks, or as few as the claim allows."""
    most = 100 - 50 * (1 - effect)
    if params["network"] == PERCEPTRON:
        solvable = params["task"] != "XOR"
        return {
            "learned": most if solvable else 100 - most,
            "cycles": 100 - most if solvable else most,
        }
    return {share_at(rate): toward(effect, 50.0, SOME) for rate in params["learning_rates"]}


EXPERIMENT = Experiment(
    name="xor",
    version=1,
    summary="perceptrons on AND, OR and XOR, and networks with a hidden layer on XOR",
    profiles=profiles.load("xor"),
    paper_dataset=TruthTables.title,
    grid=grid,
    work=Measuring(measure),
    load=TruthTables,
    views=(
        View(
            axis="network",
            axis_title="network",
            metrics={"learned": "learned %", "cycles": "cycles %", "epochs": "epochs"},
            series=("task", "activation"),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "xor",
            "a perceptron learns AND and OR, and on XOR falls into a cycle from every start; a "
            "network with a hidden layer of 2 or 4 units can learn XOR",
            judge,
            Effects(
                expected,
                noise=lambda params: {share_at(rate): 8.0 for rate in params["learning_rates"]},
                source="a theorem for perceptrons; half of the networks: ours; noise: 40 starts",
            ),
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
