"""Draws the figure of the guide to initializers: signals by layer before and after LSUV.

The network has thirty ReLU layers with Keras' default initializer, and the images are digits. The
figure is written to `--out`.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import commands, data
from benchmarks.harness.env import ROOT
from benchmarks.initialization.signals import gradient_norms, outputs, standardized

SUMMARY = "draws the guide's figure: signals by layer before and after LSUV"
DEPTH, WIDTH = 30, 128


def draw(x, y, path: Path) -> None:
    import keras
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from benchmarks.harness.results.plots import STYLE
    from keras_ddl.initializers import lsuv_init

    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(WIDTH, "relu") for _ in range(DEPTH)]
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), keras.layers.Flatten(), *hidden, keras.layers.Dense(10)]
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        signals, gradients = figure.subplots(1, 2)
        for label, marker in (("Keras' default", "o"), ("after lsuv_init", "s")):
            if label != "Keras' default":
                print(lsuv_init(model, x, batch_size=len(x), seed=0))
            layers = range(1, DEPTH + 2)
            deviations = [layer.std() for layer in outputs(model, x, linear=True)]
            signals.semilogy(layers, deviations, marker, markersize=4, label=label)
            norms = gradient_norms(model, x, y)
            gradients.semilogy(layers, norms, marker, markersize=4, label=label)
        signals.set(xlabel="layer", ylabel="standard deviation before the activation")
        gradients.set(xlabel="layer", ylabel="norm of the kernel's gradient")
        signals.legend()
        figure.suptitle(f"ReLU network of {DEPTH} hidden layers on digits", fontsize="medium")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("initialization --study lsuv_figure", __doc__)
    default = ROOT / "docs" / "results" / "lsuv.png"
    parser.add_argument("--out", type=Path, metavar="FILE", default=default)
    arguments = parser.parse_args(argv)
    digits = data.load("digits")
    x, y = standardized(digits.x_train[:256].astype("float32")), digits.y_train[:256]
    draw(x, y, arguments.out)
    print(f"wrote {arguments.out}")
    return 0
