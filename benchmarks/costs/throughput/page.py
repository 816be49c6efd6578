"""Shows the records of turns as a page and a plot."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.costs.throughput import growth, records
from benchmarks.costs.throughput.arms import (
    BATCH,
    COUNT,
    FIT,
    MATMUL,
    NETWORKS,
    SCAN,
    TITLES,
    population,
)
from benchmarks.costs.throughput.plain_arms import PRODUCTS, SIDE
from benchmarks.harness.env import described

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy")
Records = Sequence[dict[str, Any]]
Rates = dict[str, dict[int, float]]
INTRODUCTION = (
    "Networks with ReLU and dropout .5, SGD with momentum, batches of {batch}. A model-sample is "
    "one training step of one model on one example. A population and the torch.func ensemble have "
    "{count} members; the other arms train one model. Every arm runs in a process, and the arms "
    "take turns. Ratios are medians over rounds. FLOP are those of the matrix products alone. The "
    "first row is NumPy's product of two {side} x {side} matrices, which takes a turn in every "
    "round. *Start* is the time that imports, building, compiling and the first turn take while "
    "another arm starts as well. Keras arms use core's SGD and pass arrays to `fit`. A turn of a "
    "population is an epoch of one `fit`. A turn of Keras' `fit` is a call, because its speed "
    "varies from call to call. Keras' `fit` on TensorFlow has `jit_compile=False`, which is faster "
    "than XLA on a CPU. TensorFlow runs with oneDNN (`TF_ENABLE_ONEDNN_OPTS=1`) in all arms."
)


def rates(found: Records, network: str) -> Rates:
    """Model-samples per second by arm and round; FLOP per second for the matrix product."""
    return {
        arm: {
            number: (PRODUCTS * 2 * SIDE**3 if arm == MATMUL.name else turn["samples"])
            / turn["seconds"]
            for number, turn in turns.items()
        }
        for arm, turns in records.turns(found, network).items()
    }


def ratio(rates: Rates, name: str, base: str) -> float | None:
    """The ratio of two speeds: the median over the rounds in which both arms took a turn."""
    both = rates[name].keys() & rates.get(base, {}).keys()
    return statistics.median(rates[name][n] / rates[base][n] for n in both) if both else None


def share(rates: Rates, name: str, network: str) -> float | None:
    """The speed relative to the matrix product: the median over rounds."""
    work = NETWORKS[network].flops
    if name == MATMUL.name or work is None:
        return None
    found = ratio(rates, name, MATMUL.name)
    return None if found is None else found * work


def table(found: Records, network: str) -> str:
    each, ended, work = (
        rates(found, network),
        records.ended(found, network),
        NETWORKS[network].flops,
    )
    rows = []
    for name, by_round in each.items():
        rate = statistics.median(by_round.values())
        product = name == MATMUL.name
        flops = rate if product else work and rate * work
        unit, form = (1e9, "{:.0f}") if product else (1e3, "{:.1f}")
        rows.append(
            (
                name,
                "" if product else f"{rate:,.0f}",
                f"{flops / 1e9:.0f}" if flops else "",
                _shown(share(each, name, network), "{:.0%}"),
                *("" if product else _shown(ratio(each, name, b.name)) for b in (FIT, SCAN)),
                _shown(ended[name]["ready"] if name in ended else None, "{:.0f}"),
                _shown(ended[name]["memory"] / 2**30 if name in ended else None, "{:.1f}"),
                " ".join(form.format(one / unit) for one in by_round.values()),
            )
        )
    headers = (
        "",
        "model-samples/s",
        "GFLOP/s",
        "of matrix product",
        "times Keras fit",
        "times JAX scan",
        "start, s",
        "memory, GiB",
        "by round: thousands of model-samples/s, GFLOP/s of the product",
    )
    align = ("left", *["right"] * 7, "left")
    return tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True)


def simulated(found: Records, network: str, cores: int) -> str:
    """A table of the simulated speed of `spread` on more cores, or an empty string."""
    each = rates(found, network)
    measured = {}
    for backend, title in TITLES.items():
        arms = {1: population(backend, cores=1).name, cores: population(backend).name}
        if cores > 1 and each.keys() >= set(arms.values()):
            measured[f"spread, {title}"] = {
                count: statistics.median(each[name].values()) for count, name in arms.items()
            }
    return growth.table(measured) if measured else ""


def text(found: Records) -> str:
    """The page as Markdown."""
    parts = [
        "# Throughput",
        "Written by `python -m benchmarks.costs.throughput`. "
        + INTRODUCTION.format(batch=BATCH, count=COUNT, side=SIDE),
    ]
    for network in _networks(found):
        own = [record for record in found if record["network"] == network]
        environments = {described(r["environment"], *PACKAGES): r["environment"] for r in own}
        parts += [
            f"## {NETWORKS[network].title}",
            f"On {'; and on '.join(environments)}.",
            table(found, network),
        ]
        growing = simulated(found, network, own[-1]["environment"]["cores"])
        if growing:
            parts += [
                "Simulated model-samples per second of `spread` with more cores, from its measured "
                "speed on one core and on all cores. The first figure assumes a slowdown that "
                "grows with every busy core, the second the measured slowdown.",
                growing,
            ]
    if _networks(found):
        parts.append("![Model-samples per second of every arm](throughput.png)")
    return "\n\n".join(parts) + "\n"


def draw(found: Records, path: Path) -> None:
    """Draw bars of model-samples per second, in a panel for each network."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    networks = _networks(found)
    figure, axes = pyplot.subplots(
        len(networks), 1, figsize=(8, 4.5 * len(networks)), squeeze=False, layout="constrained"
    )
    for axis, network in zip(axes[:, 0], networks, strict=True):
        each = rates(found, network)
        names = [name for name in each if name != MATMUL.name][::-1]
        medians = [statistics.median(each[name].values()) for name in names]
        colors = ["0.6" if "Population" not in name else "tab:blue" for name in names]
        axis.barh(names, medians, color=colors)
        axis.bar_label(axis.containers[0], labels=[f"{one:,.0f}" for one in medians], padding=2)
        axis.set_xlabel("model-samples per second")
        axis.set_title(NETWORKS[network].title)
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def write(found: Records, folder: Path) -> None:
    """Write the page and its plot."""
    draw(found, folder / "throughput.png")
    (folder / "throughput.md").write_text(text(found), encoding="utf-8")


def _networks(found: Records) -> list[str]:
    return [name for name in NETWORKS if any(record["network"] == name for record in found)]


def _shown(value: float | None, form: str = "{:.2f}") -> str:
    return "" if value is None else form.format(value)
