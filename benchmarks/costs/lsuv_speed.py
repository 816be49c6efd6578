"""Times `lsuv_init` against one forward pass and against the reference algorithm.

The reference algorithm computes every layer's output from the network's input, rescales the kernel,
and repeats this until the variance is within the tolerance. All arms use the same examples and
create the same orthonormal kernels. They take turns in one run, and layers are called eagerly.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.costs.turns import take_turns
from benchmarks.harness import commands
from benchmarks.harness.env import described, environment

SUMMARY = "time of lsuv_init against a forward pass and the reference algorithm"
TOLERANCE, MAX_ITERATIONS = 0.02, 10


def fitnet4():
    from benchmarks.networks.fitnet import fitnet4 as make

    return make((32, 32, 3), 10, activation="relu")


def vgg16():
    import keras

    return keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=100)


def resnet50():
    """ResNet-50 without its normalization layers."""
    import keras

    identity = keras.layers.Identity

    def without_norm(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return identity(name=layer.name)
        return type(layer).from_config(layer.get_config())

    def call(layer, *args, **kwargs):  # an Identity takes no mask
        return layer(*args, **({} if isinstance(layer, identity) else kwargs))

    model = keras.applications.ResNet50(weights=None, input_shape=(112, 112, 3), classes=100)
    return keras.models.clone_model(model, clone_function=without_norm, call_function=call)


MODELS = {"fitnet4": fitnet4, "vgg16": vgg16, "resnet50": resnet50}


def reference_algorithm(model, x) -> int:
    """Run LSUV as published, and return how often it computed a layer's output from the input."""
    import keras
    from keras import ops

    from keras_ddl.initializers.kernels import orthonormal_value

    rng = np.random.default_rng(0)
    passes = 0
    for layer in model.layers:
        if not hasattr(layer, "kernel"):
            continue
        layer.kernel.assign(orthonormal_value(layer, layer.kernel, rng))
        function, layer.activation = layer.activation, None
        up_to_layer = keras.Model(model.inputs[0], layer.output)
        for _ in range(MAX_ITERATIONS):
            variance = float(ops.var(up_to_layer(x, training=False)))
            passes += 1
            if abs(variance - 1) <= TOLERANCE:
                break
            layer.kernel.assign(layer.kernel / variance**0.5)
        layer.activation = function
    return passes


def arms(model, x) -> dict[str, Callable[[], object]]:
    from keras import ops

    from keras_ddl.initializers import lsuv_init

    def lsuv():
        report = lsuv_init(model, x, tolerance=TOLERANCE, batch_size=len(x), seed=0)
        assert report.converged, report

    return {
        "one forward pass": lambda: ops.convert_to_numpy(model(x, training=False)),
        "lsuv_init": lsuv,
        "reference algorithm": lambda: reference_algorithm(model, x),
    }


def measure(name: str, examples: int, rounds: int) -> list[tuple]:
    """One row for each arm: median seconds, ratio to a forward pass, all rounds."""
    model = MODELS[name]()
    kernels = sum(hasattr(layer, "kernel") for layer in model.layers)
    x = np.random.default_rng(0).normal(size=(examples, *model.input_shape[1:])).astype("float32")
    # The reference algorithm takes minutes. The warm-up of the others warms up its operations.
    spent = take_turns(arms(model, x), rounds, every={"reference algorithm": 3})
    forward, ours, theirs = (statistics.median(times) for times in spent.values())
    return [
        (
            f"{name}, {kernels} kernels",
            arm,
            statistics.median(times),
            statistics.median(times) / forward,
            f"{theirs / ours:.1f}" if arm == "lsuv_init" else "",
            " ".join(f"{a:.2f}" for a in times),
        )
        for arm, times in spent.items()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("costs.lsuv_speed", __doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=[*MODELS])
    parser.add_argument("--examples", type=int, default=128, help="examples in the batch")
    parser.add_argument(
        "--rounds", type=int, default=3, help="timed rounds, after one warm-up round"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the table to FILE")
    arguments = parser.parse_args(argv)
    import keras

    rows = []
    for name in arguments.models:
        keras.utils.clear_session()
        rows += measure(name, arguments.examples, arguments.rounds)
    text = page(rows, arguments.examples, keras.backend.backend())
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0


def page(rows: Sequence[tuple], examples: int, backend: str) -> str:
    ran = environment(backend)
    headers = (
        "network",
        "what",
        "median s",
        "forward passes",
        "times faster than the reference",
        "rounds, s",
    )
    return "\n\n".join(
        [
            "# What LSUV costs",
            f"Written by `python -m benchmarks.costs.lsuv_speed`: {examples} random images, "
            "FitNet-4 of 32x32 pixels, VGG-16 of 64x64, ResNet-50 without norms of 112x112, "
            f"tolerance {TOLERANCE}, orthonormal kernels in both algorithms, on "
            f"{described(ran, 'keras', backend)}.",
            tabulate(rows, headers, tablefmt="pipe", floatfmt=".2f"),
            "The reference algorithm measures each layer from the input until it is within the "
            "tolerance; `lsuv_init` passes once. What its orthonormal kernels cost does not depend "
            "on the number of examples.",
        ]
    )


if __name__ == "__main__":
    sys.exit(commands.run(main))
