"""Signals and gradients by layer in FitNet-4 at initialization.

The tables show the standard deviation of each layer's linear part, and the norm of the loss's
gradient with respect to the layer's kernel, for every activation function and initializer that the
LSUV paper compares.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.harness import commands, data
from benchmarks.harness.env import described, environment
from benchmarks.initialization import signals
from benchmarks.networks.fitnet import ACTIVATIONS, fitnet4

INITIALIZERS = {
    "LSUV": "LSUV",
    "OrthoNorm": "orthonormal",
    "OrthoNorm-MSRA": "orthonormal-MSRA",
    "Xavier": "Xavier",
    "MSRA": "He",
}
SUMMARY = "standard deviations and gradients by layer in FitNet-4, as a table"
SHOWN = (1, 5, 9, 13, 17, 18, 19)  # layers: 1-17 are convolutions, 18 has 500 units, 19 the logits


def cells(activation: str, name: str, x, y, classes: int) -> tuple[list[float], list[float]]:
    """By layer, the standard deviations of the linear parts, and the norms of the gradients."""
    import keras

    from keras_ddl.initializers import lsuv_init

    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    make = functools.partial(signals.initializer, INITIALIZERS[name])
    model = fitnet4(x.shape[1:], classes, activation=activation, initializer=make)
    if name == "LSUV":
        lsuv_init(model, x, batch_size=len(x), seed=0)
    deviations = [float(layer.std()) for layer in signals.outputs(model, x, linear=True)]
    return deviations, signals.gradient_norms(model, x, y)


def table(activation: str, x, y, classes: int) -> str:
    measured = {name: cells(activation, name, x, y, classes) for name in INITIALIZERS}
    rows = [
        [
            layer,
            *(
                f"{deviations[layer - 1]:.2g} / {norms[layer - 1]:.2g}"
                for deviations, norms in measured.values()
            ),
        ]
        for layer in SHOWN
    ]
    ratios = [
        f"{norms[0] / norms[-1]:.2g}" if norms[-1] > 0 else "-" for _, norms in measured.values()
    ]
    rows.append(["first / last gradient", *ratios])
    return tabulate(rows, ["layer", *measured], tablefmt="pipe", disable_numparse=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("initialization --study fitnet_signals", __doc__)
    parser.add_argument("--dataset", default="auto", choices=("auto", *data.NAMES))
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument("--examples", type=int, default=64)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the tables to FILE")
    arguments = parser.parse_args(argv)
    dataset = data.load(arguments.dataset, arguments.data_dir)
    chosen = np.random.default_rng(0).permutation(len(dataset.y_train))[: arguments.examples]
    x = signals.standardized(dataset.x_train[chosen].astype("float32"))
    y = dataset.y_train[chosen]
    import keras

    ran = environment(keras.backend.backend())
    parts = [
        "# Signals and gradients in FitNet-4 at initialization",
        f"Written by `python -m benchmarks.initialization --study fitnet_signals`: {len(x)} images "
        f"of {dataset.title}, standardized, one seed, on "
        f"{described(ran, 'keras', ran['backend'])}. A cell is the "
        "standard deviation of the layer's linear part / the norm of the loss's gradient with "
        "respect to its kernel. Layers 1-17 are convolutions, 18 has 500 units, 19 gives the "
        "logits.",
    ]
    for activation in ACTIVATIONS:
        parts += [f"## {activation}", table(activation, x, y, dataset.num_classes)]
        print("\n\n".join(parts[-2:]) + "\n", flush=True)
    if arguments.out:
        arguments.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return 0
