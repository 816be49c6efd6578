"""Writes the page and the figure about layer timings from their records. Needs no Keras."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from benchmarks.harness.env import described

Record = dict[str, Any]
BOTH = "forward and backward"
MODES = {
    ("tensorflow", False): "TensorFlow",
    ("tensorflow", True): "TensorFlow, XLA",
    ("jax", True): "JAX",
    ("jax", False): "JAX, not compiled",
    ("torch", False): "PyTorch",
}


def read(folder: Path) -> list[Record]:
    """Read all records of a folder. Each backend has a separate file."""
    return [record for path in sorted(folder.glob("*.jsonl")) for record in load(path)]


def load(path: Path) -> list[Record]:
    """Read the records of a file; an empty list if the file does not exist."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def replace(path: Path, records: Sequence[Record]) -> None:
    """Replace the records of the same layers in a file. Records of other layers stay."""
    old = load(path)
    replaced = {record["layer"] for record in records}
    kept = [record for record in old if record["layer"] not in replaced]
    order = list(dict.fromkeys(record["layer"] for record in [*old, *records]))
    ordered = sorted([*kept, *records], key=lambda record: order.index(record["layer"]))
    lines = [json.dumps(record) + "\n" for record in ordered]
    path.write_text("".join(lines), encoding="utf-8")


def mode(record: Record) -> str:
    return MODES[record["backend"], record["jit"]]


def text(records: Sequence[Record], figure: str) -> str:
    """The page: the environments, the figure, a summary, and a table for each layer."""
    present = [name for name in MODES.values() if name in {mode(record) for record in records}]
    parts = [
        "# Speed of the layers",
        "Written by `python -m benchmarks.costs.layer_speed`. In each cell: our time divided by "
        "that of the layer it is compared with, the median over rounds in which both took turns; "
        "in brackets the median times of ours and of that layer in milliseconds, and of PyTorch's "
        "own module where there is one. Below 1 ours is faster. Weights and statistics are in "
        "float32, and calls are those of training. Some layers do more than the layer they are "
        "compared with, which is then only the price to compare with.",
        *[f"- {ran}" for ran in sorted({_environment(record) for record in records})],
        f"![our time divided by core's]({figure})",
        "## All shapes together",
        f"Median and largest ratio over the shapes, {BOTH}.",
        _summary(records, present),
    ]
    if any("bandwidth_share" in record for record in records):
        parts += [
            "## Against the limit",
            f"The bytes that a layer must read and write at least, {BOTH}, divided by the "
            "machine's copy bandwidth (of one thread) and by the layer's time: the median over the "
            "shapes. 1 is the limit of a layer that does nothing else; values above 1 come from "
            "caches and several threads.",
            _shares(records, present),
        ]
    for layer, group in groupby(records_by_layer(records), key=lambda record: record["layer"]):
        of_layer = list(group)
        parts += [
            f"## {layer}",
            f"Compared with core's {of_layer[0]['against']}.",
            _table(of_layer, present),
        ]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def records_by_layer(records: Sequence[Record]) -> list[Record]:
    """Records in the order in which their layers first appear."""
    order = list(dict.fromkeys(record["layer"] for record in records))
    return sorted(records, key=lambda record: order.index(record["layer"]))


def _environment(record: Record) -> str:
    ran = record["environment"]
    backend = ran["backend"]
    return f"{backend}: {described(ran, backend, 'keras')}"


def _summary(records: Sequence[Record], present: Sequence[str]) -> str:
    rows = []
    for layer, group in groupby(records_by_layer(records), key=lambda record: record["layer"]):
        of_layer = [record for record in group if record["pass"] == BOTH]
        cells = []
        for name in present:
            ratios = sorted(record["ratio"] for record in of_layer if mode(record) == name)
            middle = ratios[(len(ratios) - 1) // 2] if ratios else None
            cells.append(f"{middle:.2f}, {ratios[-1]:.2f}" if middle else "")
        rows.append((layer, of_layer[0]["against"], *cells))
    return tabulate(rows, ("layer", "against core's", *present), tablefmt="pipe")


def _shares(records: Sequence[Record], present: Sequence[str]) -> str:
    rows = []
    for layer, group in groupby(records_by_layer(records), key=lambda record: record["layer"]):
        of_layer = [one for one in group if one["pass"] == BOTH and "bandwidth_share" in one]
        shares = [
            [record["bandwidth_share"] for record in of_layer if mode(record) == name]
            for name in present
        ]
        if of_layer:
            rows.append((layer, *(f"{median(one):.2f}" if one else "" for one in shares)))
    return tabulate(rows, ("layer", *present), tablefmt="pipe", disable_numparse=True)


def _table(records: Iterable[Record], present: Sequence[str]) -> str:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        ms = [f"{value:.3g}" for value in record["ms"].values()]
        key = (str(tuple(record["shape"])), record["pass"])
        rows.setdefault(key, {})[mode(record)] = f"**{record['ratio']:.2f}** ({' / '.join(ms)})"
    lines = [(*key, *(cells.get(name, "") for name in present)) for key, cells in rows.items()]
    return tabulate(lines, ("input", "pass", *present), tablefmt="pipe")


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw the ratios of training steps by layer: a colour per backend and a dot per shape."""
    import matplotlib as mpl  # drawing only: listing the commands imports this file
    from matplotlib.figure import Figure

    from benchmarks.harness.results.plots import STYLE

    layers = list(dict.fromkeys(record["layer"] for record in records))
    present = [name for name in MODES.values() if name in {mode(record) for record in records}]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 1.2 + 0.42 * len(layers)), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(present):
            chosen = [r for r in records if r["pass"] == BOTH and mode(r) == name]
            places = [
                layers.index(r["layer"]) + 0.6 * (number + 0.5) / len(present) - 0.3 for r in chosen
            ]
            axes.scatter([r["ratio"] for r in chosen], places, s=16, label=name)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_xscale("log", base=4)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
        axes.set_yticks(range(len(layers)), layers)
        axes.invert_yaxis()
        axes.set_xlabel(f"our time / core's, {BOTH} (a dot for each shape)")
        figure.legend(loc="outside upper center", ncols=len(present), fontsize="small")
        figure.savefig(path, dpi=120)
