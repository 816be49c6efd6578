"""Writes the catalogue of activation functions as a table, and draws the functions."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.activations.check import parse
from benchmarks.harness import commands
from benchmarks.harness.env import ROOT

SUMMARY = "prints the catalogue, and writes it as a page with a figure"
HEADERS = (
    "function", "f(x)", "f'(x)", "range", "continuity", "monotonic", "f' monotonic",
    "identity near 0",
)  # fmt: skip


def row(entry) -> tuple[str, ...]:
    brackets = ("(["[entry.closed[0]], ")]"[entry.closed[1]])
    ends = [f"{end:.4g}".replace("inf", "∞") for end in entry.range]
    order = "C∞" if math.isinf(entry.continuity) else f"C{entry.continuity:g}"
    flags = (entry.monotonic, entry.monotonic_derivative, entry.identity_near_origin)
    return (
        entry.name, f"`{entry.equation}`", f"`{entry.derivative}`",
        f"{brackets[0]}{ends[0]}, {ends[1]}{brackets[1]}", order,
        *("yes" if flag else "no" for flag in flags),
    )  # fmt: skip


def draw(catalogue: Sequence, path: Path) -> None:
    """Draw every function with its derivative."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from benchmarks.harness.results.plots import STYLE

    columns, rows = 5, math.ceil(len(catalogue) / 5)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 2.6 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True)
        x = np.linspace(-4, 4, 800)  # excludes 0, where some derivatives are not defined
        for entry, axes in zip(catalogue, panels.flat, strict=False):
            for expression, label, dashes in (
                (entry.equation, "f", "-"),
                (entry.derivative, "f'", "--"),
            ):
                y = parse(expression)(x)
                y[:-1][np.abs(np.diff(y)) > 0.15] = np.nan  # no line across a jump
                axes.plot(x, y, dashes, label=label)
            axes.set(title=entry.name, ylim=(-2, 2.5))
        for axes in panels.flat[len(catalogue) :]:
            axes.set_visible(False)
        panels.flat[0].legend(loc="upper left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100)


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("activations --study page", __doc__)
    default = ROOT / "docs" / "results" / "activations"
    parser.add_argument("--out", type=Path, metavar="DIR", default=default)
    arguments = parser.parse_args(argv)
    from keras_ddl.activations import CATALOGUE

    table = [row(entry) for entry in CATALOGUE]
    print(tabulate([[*cells] for cells in table], HEADERS))
    draw(CATALOGUE, arguments.out / "activations.png")
    page = [
        "# Activation functions",
        "Written by `python -m benchmarks.activations --study page`. The claim `activation-table` "
        "[measures](../README.md) whether every cell agrees with the function's numbers.",
        tabulate(table, HEADERS, tablefmt="pipe"),
        "`Phi` and `phi` are the standard normal distribution and its density. Maxout and PReLU "
        "learn their pieces; the rows show one choice of them. A maxout unit is convex whatever it "
        "learns.",
        "![Functions and their derivatives](activations.png)",
    ]
    (arguments.out / "README.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"\n{len(CATALOGUE)} functions; wrote {arguments.out}")
    return 0
