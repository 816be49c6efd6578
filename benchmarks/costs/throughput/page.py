"""Records of turns as a page and a plot."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.costs.throughput.arms import (
    ARMS,
    BATCH,
    COUNTS,
    FIT,
    MATMUL,
    NETWORKS,
    TORCH,
    flops,
)
from benchmarks.costs.throughput.worker import PRODUCTS, SIDE

Records = Sequence[dict[str, Any]]
BY_NAME = {arm.name: arm for arm in ARMS}


def rates(records: Records, network: str) -> dict[str, list[float]]:
    """FLOP per second of each arm in each round."""
    found = {}
    for record in records:
        if record["network"] != network:
            continue
        arm = BY_NAME[record["arm"]]
        work = arm.steps(network) * arm.members * flops(network)
        if arm is MATMUL:
            work = PRODUCTS * 2 * SIDE**3
        found[arm.name] = [work / seconds for seconds in record["seconds"]]
    return found


def ratio(rates: dict[str, list[float]], name: str, base: str) -> float | None:
    """How many times faster, the median over rounds."""
    if base not in rates:
        return None
    pairs = zip(rates[name], rates[base], strict=True)
    return statistics.median(one / other for one, other in pairs)


def table(records: Records, network: str) -> str:
    found = rates(records, network)
    memory = {r["arm"]: r["memory"] for r in records if r["network"] == network}
    rows = []
    for name, each in found.items():
        rate = statistics.median(each)
        trains = name != MATMUL.name
        rows.append(
            (
                name,
                f"{rate / flops(network) * BATCH:,.0f}" if trains else "",
                f"{rate / 1e9:.0f}",
                _times(ratio(found, name, MATMUL.name), "{:.0%}"),
                _times(ratio(found, name, FIT.name) if trains else None),
                _times(ratio(found, name, TORCH.name) if trains else None),
                f"{memory[name] / 2**30:.1f}",
                " ".join(f"{one / 1e9:.0f}" for one in each),
            )
        )
    headers = (
        "",
        "model-samples/s",
        "GFLOP/s",
        "of matrix product",
        "times Keras fit",
        "times PyTorch",
        "memory, GiB",
        "GFLOP/s by round",
    )
    align = ("left", *["right"] * 6, "left")
    return tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True)


def growth(records: Records, network: str) -> str:
    """What a step costs with more members, beside one."""
    found = rates(records, network)
    rows = []
    for title in ("Population", "Population on JAX"):
        names = {count: f"{title}, K = {count}" for count in COUNTS}
        if not set(names.values()) <= found.keys():
            continue
        step = {c: c / statistics.median(found[name]) for c, name in names.items()}
        rows.append((title, *(f"{step[count] / step[COUNTS[0]]:.1f}" for count in COUNTS)))
    headers = ("a step's time with K members", *(f"K = {count}" for count in COUNTS))
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True) if rows else ""


def overall(records: Records, network: str) -> str:
    """Populations beside Keras' `fit` by the time that all rounds took together."""
    found = rates(records, network)
    if FIT.name not in found:
        return ""
    base = statistics.harmonic_mean(found[FIT.name])
    each = [
        f"{name} {statistics.harmonic_mean(found[name]) / base:.2f}"
        for name in found
        if BY_NAME[name].kind == "population"
    ]
    return (
        f"Times Keras fit, by the time of all rounds together: {'; '.join(each)}." if each else ""
    )


def _times(value: float | None, form: str = "{:.2f}") -> str:
    return "" if value is None else form.format(value)


def text(records: Records, ran: dict[str, Any], figure: str = "") -> str:
    """The page as Markdown."""
    packages = ", ".join(
        f"{name} {ran['packages'][name]}"
        for name in ("keras", "tensorflow", "jax", "torch", "numpy")
        if name in ran["packages"]
    )
    parts = [
        "# Throughput",
        "Written by `python -m benchmarks.costs.throughput`, one run: ReLU networks with dropout "
        f".5, SGD with momentum, batches of {BATCH}, on {ran['device']} ({ran['cores']} cores), "
        f"{packages}, commit {ran['commit']}. The arms took turns. "
        "Ratios are medians over rounds. FLOP are those of the matrix products alone; the first "
        f"row is NumPy's product of two {SIDE} x {SIDE} matrices. Populations on TensorFlow "
        "have `FusedSGD`, what is beside them core's or their own SGD, unless the name says else. "
        "Keras' `fit` of arrays has two speeds on a CPU, one of which a call keeps; the last "
        "column has the rounds, and below each table stands the ratio of their whole time.",
    ]
    for network in NETWORKS:
        if any(record["network"] == network for record in records):
            title = "-".join(map(str, (784, *NETWORKS[network], 10)))
            parts += [f"## {title}", table(records, network)]
            parts += [overall(records, network), growth(records, network)]
    if figure:
        parts.append(f"![GFLOP/s of every arm]({figure})")
    return "\n\n".join(part for part in parts if part)


def draw(records: Records, path: Path) -> None:
    """Bars of GFLOP/s, a panel for each network."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    networks = [n for n in NETWORKS if any(record["network"] == n for record in records)]
    figure, axes = pyplot.subplots(
        1, len(networks), figsize=(6 * len(networks), 5), squeeze=False, layout="constrained"
    )
    for axis, network in zip(axes[0], networks, strict=True):
        found = rates(records, network)
        names = [*found][::-1]
        medians = [statistics.median(found[name]) / 1e9 for name in names]
        colors = ["0.6" if "Population" not in name else "tab:blue" for name in names]
        axis.barh(names, medians, color=colors)
        axis.bar_label(axis.containers[0], fmt="%.0f", padding=2)
        axis.set_xlabel("GFLOP/s in matrix products")
        axis.set_title("-".join(map(str, (784, *NETWORKS[network], 10))))
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def write(records: Records, ran: dict[str, Any], folder: Path) -> None:
    """The page, its plot and the records."""
    draw(records, folder / "throughput.png")
    page = text(records, ran, figure="throughput.png") + "\n"
    (folder / "throughput.md").write_text(page, encoding="utf-8")
    lines = [json.dumps({**record, "environment": ran}) for record in records]
    (folder / "throughput.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
