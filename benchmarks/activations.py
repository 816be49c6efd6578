"""The catalogue of activation functions: printed, checked cell by cell, and drawn.

Writes the table and a figure of every function with its derivative into `--out`. Fails, and names
the cells, if one of them does not agree with the function's numbers.
"""

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtr
from tabulate import tabulate

from benchmarks.harness import commands
from benchmarks.harness.env import ROOT

SUMMARY = "the catalogue of activation functions, every cell checked by numbers"
NEAR = np.linspace(-6, 6, 1201)  # with 0, where all kinks are
FAR = np.concatenate([-np.logspace(6, -6, 400), [0.0], np.logspace(-6, 6, 400)])
NAMES = {
    name: getattr(np, name)
    for name in (
        "abs",
        "arctan",
        "exp",
        "expm1",
        "logaddexp",
        "maximum",
        "minimum",
        "tanh",
        "where",
    )
} | {"Phi": ndtr, "phi": lambda x: np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)}
HEADERS = (
    "function", "f(x)", "f'(x)", "range", "continuity", "monotonic", "f' monotonic",
    "identity near 0",
)  # fmt: skip

Function = Callable[[np.ndarray], np.ndarray]


def parse(expression: str) -> Function:
    """An expression of the catalogue as a function of float64 arrays."""
    code = compile(expression, expression, "eval")

    def function(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            values = eval(code, {"__builtins__": {}}, {**NAMES, "x": x})
        return values + 0.0 * x

    return function


def wrong_cells(entry) -> list[str]:
    """The names of the catalogue's cells that the numbers contradict."""
    from keras import ops

    f, derivative = parse(entry.equation), parse(entry.derivative)
    x = NEAR.astype("float32")
    ours = ops.convert_to_numpy(entry.function(ops.convert_to_tensor(x)))
    smooth = np.abs(NEAR) > 1e-3
    slopes = (f(NEAR + 1e-5) - f(NEAR - 1e-5)) / 2e-5
    steps = np.diff(f(NEAR))
    beside = np.array([-1e-6, 1e-6])
    checks = {
        "equation": np.allclose(ours, f(x.astype("float64")), rtol=1e-5, atol=1e-5),
        "derivative": np.allclose(slopes[smooth], derivative(NEAR)[smooth], atol=1e-6),
        "range": all(bounded(f, entry, side) for side in (0, 1)),
        "continuity": order_of_continuity(f, derivative) == entry.continuity,
        "monotonic": bool((steps >= -1e-12).all()) == entry.monotonic,
        "monotonic_derivative": bool((np.diff(steps) >= -1e-12).all())
        == entry.monotonic_derivative,
        "identity_near_origin": np.allclose(f(beside) / beside, 1, atol=1e-3)
        == entry.identity_near_origin,
    }
    return [cell for cell, holds in checks.items() if not holds]


def bounded(f: Function, entry, side: int) -> bool:
    """Whether the range ends where the catalogue says, and holds its end if that is closed."""
    sign, end, closed = (-1, 1)[side], entry.range[side], entry.closed[side]
    near = f(np.linspace(-6, 6, 120_001))  # farther out float64 rounds to an open end
    far = f(FAR)
    inside = (sign * near).max()
    most = max(inside, (sign * far[np.isfinite(far)]).max())
    if math.isinf(end):
        return most > 1e5 and not closed
    reached = inside >= sign * end - 1e-7
    return abs(most - sign * end) < 1e-4 and most <= sign * end + 1e-7 and reached == closed


def order_of_continuity(f: Function, derivative: Function, highest: int = 3) -> float:
    """The order of the highest continuous derivative, infinite if none up to `highest` jumps."""
    h = 1e-3
    if jumps(f(NEAR + 1e-9), f(NEAR - 1e-9)):
        return -1
    for order in range(1, highest + 1):
        # Differences of f' on each side of a point give the derivatives of f on that side.
        sides = []
        for sign in (1, -1):
            points = [derivative(NEAR + sign * (1 + k) * h) for k in range(order)]
            sides.append(np.diff(points, n=order - 1, axis=0)[0] / (sign * h) ** (order - 1))
        if jumps(*sides):
            return order - 1
    return math.inf


def jumps(right: np.ndarray, left: np.ndarray) -> bool:
    return bool((np.abs(right - left) > 0.05).any())


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
    """Every function and its derivative."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from benchmarks.harness.results.plots import STYLE

    columns, rows = 5, math.ceil(len(catalogue) / 5)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 2.6 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True)
        x = np.linspace(-4, 4, 800)  # without 0, where some derivatives are not defined
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
    parser = commands.parser("activations", __doc__)
    default = ROOT / "docs" / "results" / "activations"
    parser.add_argument("--out", type=Path, metavar="DIR", default=default)
    arguments = parser.parse_args(argv)
    from keras_ddl.activations import CATALOGUE

    wrong = {entry.name: cells for entry in CATALOGUE if (cells := wrong_cells(entry))}
    table = [row(entry) for entry in CATALOGUE]
    print(tabulate([[*cells] for cells in table], HEADERS))
    if wrong:
        for name, cells in wrong.items():
            print(f"error: {name}: the numbers contradict {', '.join(cells)}", file=sys.stderr)
        return 1
    draw(CATALOGUE, arguments.out / "activations.png")
    page = [
        "# Activation functions",
        "Written by `python -m benchmarks.activations`, which checked every cell against the "
        f"function's numbers: {len(CATALOGUE) * (len(HEADERS) - 1)} cells, all right.",
        tabulate(table, HEADERS, tablefmt="pipe"),
        "`Phi` and `phi` are the standard normal distribution and its density. Maxout and PReLU "
        "learn their pieces; the rows show one choice of them. A maxout unit is convex whatever it "
        "learns.",
        "![Functions and their derivatives](activations.png)",
    ]
    (arguments.out / "README.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"\n{len(CATALOGUE)} functions, every cell checked; wrote {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
