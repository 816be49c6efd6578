"""What the callbacks cost: epochs with none, with each and with all, beside the usual way.

The usual way to count dead units is a `predict` of all activations over the training set in
`on_epoch_end`, counted in NumPy. Every arm is a `fit` of its own; the fits take turns, a batch
each, so that a slow second of the machine falls on all of them. The first epoch, in which functions
are traced, is not counted. Each network and backend runs in a process of its own.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmarks.harness.env import ROOT, environment

BATCH = 128
EXAMPLES = {"mlp": 6400, "resnet20": 1280}
SHAPES = {"mlp": (784,), "resnet20": (32, 32, 3)}
TITLES = {"mlp": "784-2048-2048-2048-10", "resnet20": "ResNet-20 on 32x32x3"}
BACKENDS = ("tensorflow", "jax")
PROBED = 256  # examples of the activation statistics
LIMITS = {  # by arm: the arm it is compared with, and the largest share of its extra time
    "DeadReLUCounter (gradient) + GradientStats": ("none", 0.03),
    "ActivationStats": ("none", 0.03),
    "DeadReLUCounter (data, whole set)": ("the usual way", 0.5),
}
NONE, USUAL = "none", "the usual way"


def mlp():
    import keras

    hidden = [keras.layers.Dense(2048, "relu", kernel_initializer="he_normal") for _ in range(3)]
    return keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)])


def resnet20():
    """He et al. (2015), section 4.2, arXiv:1512.03385."""
    import keras
    from keras import layers

    def convolution(x, filters, stride=1, size=3):
        x = layers.Conv2D(filters, size, stride, "same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolution(inputs, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            y = layers.ReLU()(convolution(x, filters, stride))
            y = convolution(y, filters)
            if stride == 2:
                x = convolution(x, filters, stride, size=1)
            x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def arms(x: np.ndarray, folder: Path) -> dict[str, Callable[[], list]]:
    """By name, what makes the callbacks of an arm."""
    import keras

    from keras_ddl import callbacks as ours
    from keras_ddl.schedules import LinearDecay

    class PredictAll(keras.callbacks.Callback):
        """The usual way."""

        def on_train_begin(self, logs=None):
            outputs = [layer.output for layer in self.model.layers if _has_relu(layer)]
            self.activations = keras.Model(self.model.inputs, outputs)

        def on_epoch_end(self, epoch, logs=None):
            found = self.activations.predict(x, batch_size=BATCH, verbose=0)
            dead = [(part <= 0).all(axis=tuple(range(part.ndim - 1))).sum() for part in found]
            logs["dead_relus"] = int(sum(dead))

    gradient = ours.DeadReLUCounter
    statistics_ = functools.partial(ours.ActivationStats, x[:PROBED])
    whole = functools.partial(
        ours.DeadReLUCounter, "data", x, examples="all", batch_size=BATCH if x.ndim > 2 else 1000
    )
    report = functools.partial(ours.TrainingReport, folder / "report.html", png=False)
    every = functools.partial(ours.LearningRateSchedule, LinearDecay(0.01, 10_000))
    return {
        NONE: list,
        "DeadReLUCounter (gradient)": lambda: [gradient()],
        "GradientStats": lambda: [ours.GradientStats()],
        "DeadReLUCounter (gradient) + GradientStats": lambda: [gradient(), ours.GradientStats()],
        "ActivationStats": lambda: [statistics_()],
        "LearningRateSchedule": lambda: [every()],
        "PrecheltStopping": lambda: [ours.PrecheltStopping(ours.UP(9), monitor="loss")],
        "TrainingReport": lambda: [report()],
        "all of these": lambda: [
            gradient(),
            ours.GradientStats(),
            statistics_(),
            every(),
            ours.PrecheltStopping(ours.UP(9), monitor="loss"),
            report(),
        ],
        "DeadReLUCounter (data, 2000 examples)": lambda: [gradient("data", x)],
        "DeadReLUCounter (data, whole set)": lambda: [whole()],
        USUAL: lambda: [PredictAll()],
    }


def _has_relu(layer):
    import keras

    activation = getattr(layer, "activation", None)
    return activation is keras.activations.relu or isinstance(layer, keras.layers.ReLU)


class Turns:
    """Lets threads go on one after another, in a circle."""

    def __init__(self):
        self.condition = threading.Condition()
        self.names: list[str] = []
        self.current = 0

    def wait(self, name: str) -> None:
        with self.condition:
            self.condition.wait_for(lambda: self.names and self.names[self.current] == name)

    def passed(self) -> None:
        with self.condition:
            self.current = (self.current + 1) % len(self.names)
            self.condition.notify_all()


def measure(network: str, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of each arm's epochs, the first left out."""
    import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(EXAMPLES[network], *SHAPES[network])).astype("float32")
    y = rng.integers(0, 10, len(x))
    steps = len(x) // BATCH
    turns = Turns()
    times: dict[str, list[float]] = {}
    failed: list[BaseException] = []

    class Start(keras.callbacks.Callback):
        """First in the list: waits for its turn, then starts the clock."""

        def __init__(self, name):
            super().__init__()
            self.name = name
            self.reached = threading.Event()

        def begin(self):
            self.reached.set()
            turns.wait(self.name)
            self.began = time.perf_counter()

        def on_epoch_begin(self, epoch, logs=None):
            self.begin()
            self.spent = 0.0

        def on_train_batch_begin(self, batch, logs=None):
            if batch:
                self.begin()

    class Stop(keras.callbacks.Callback):
        """Last in the list: stops it after every batch, and after what the epoch's end takes."""

        def __init__(self, start):
            super().__init__()
            self.start = start

        def stop(self):
            self.start.spent += time.perf_counter() - self.start.began
            turns.passed()

        def on_train_batch_end(self, batch, logs=None):
            if batch + 1 < steps:
                self.stop()

        def on_epoch_end(self, epoch, logs=None):
            self.stop()
            times[self.start.name].append(self.start.spent)

    def train(model, start, callbacks):
        try:
            followed = [start, *callbacks, Stop(start)]
            model.fit(**_fed(x, y), epochs=1 + rounds, verbose=0, callbacks=followed)
        except BaseException as error:
            failed.append(error)
            start.reached.set()
            raise

    threads = []
    made = arms(x, folder)
    for name, callbacks in made.items():
        keras.utils.set_random_seed(0)
        model = {"mlp": mlp, "resnet20": resnet20}[network]()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
        start = Start(name)
        times[name] = []
        thread = threading.Thread(target=train, args=(model, start, callbacks()), daemon=True)
        thread.start()
        start.reached.wait()  # one after another until their first epoch
        if failed:
            raise failed[0]
        threads.append(thread)
    with turns.condition:
        turns.names = list(made)
        turns.condition.notify_all()
    while any(thread.is_alive() for thread in threads) and not failed:
        time.sleep(0.2)
    if failed:
        raise failed[0]
    return {name: found[1:] for name, found in times.items()}


def _fed(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The data for `fit`. What Keras makes of arrays on TensorFlow has the autotuner on.

    Its thread sleeps ever longer while the other arms have their turns, and the end of an epoch
    waits for it.
    """
    if _backend() != "tensorflow":
        return {"x": x, "y": y, "batch_size": BATCH}
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).prefetch(2)
    return {"x": data.with_options(options), "shuffle": False}


def run(network: str, backend: str, rounds: int) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.callback_cost", "--measure", network]
    ran = subprocess.run(
        [*command, "--rounds", str(rounds)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout.splitlines()[-1])


def table(times: dict[str, list[float]]) -> str:
    """Median seconds, and medians of what each round cost beside the round of no callbacks."""

    def extra(name: str) -> list[float]:
        return [a - b for a, b in zip(times[name], times[NONE], strict=True)]

    usual = statistics.median(extra(USUAL))
    rows = []
    for name, spent in times.items():
        cost = statistics.median(e / b for e, b in zip(extra(name), times[NONE], strict=True))
        of_usual = statistics.median(extra(name)) / usual
        base, limit = LIMITS.get(name, ("", 0.0))
        reached = of_usual if base == USUAL else cost
        verdict = f"{'holds' if reached <= limit else 'MISSED'}: at most {limit:.0%} of {base}"
        rows.append(
            (
                name,
                f"{statistics.median(spent):.3f}",
                f"{100 * cost:+.1f} %" if name != NONE else "",
                f"{of_usual:.2f}" if "data" in name or name == USUAL else "",
                verdict.replace(f"of {NONE}", "more") if base else "",
                " ".join(f"{seconds:.2f}" for seconds in spent),
            )
        )
    headers = (
        "callbacks",
        "epoch, s",
        "extra",
        "extra, of the usual way's",
        "wanted",
        "rounds, s",
    )
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.callback_cost", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--networks", nargs="+", choices=EXAMPLES, default=list(EXAMPLES))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--rounds", type=int, default=5, help="timed epochs, after one to warm up")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page there too")
    parser.add_argument("--measure", choices=EXAMPLES, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            times = measure(arguments.measure, arguments.rounds, Path(folder))
        print(json.dumps({"times": times, "environment": environment(_backend())}))
        return 0
    parts = ["# What the callbacks cost", ""]
    for backend in arguments.backends:
        for network in arguments.networks:
            found = run(network, backend, arguments.rounds)
            ran = found["environment"]
            parts[1] = (
                "Written by `python -m benchmarks.callback_cost`: SGD with momentum, batches of "
                f"{BATCH}, {ran['device']} ({ran['cores']} cores), Keras "
                f'{ran["packages"]["keras"]}, commit {ran["commit"]}. "Extra" is the median over '
                "rounds of an epoch's time beyond that of the same round without callbacks."
            )
            title = f"## {TITLES[network]}, {backend} {ran['packages'][backend]}"
            about = f"{EXAMPLES[network]} examples an epoch."
            parts += [title, about, table(found["times"])]
            print("\n\n".join(parts[-3:]), flush=True)
    if arguments.out:
        arguments.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return 0


def _backend() -> str:
    import keras

    return keras.backend.backend()


if __name__ == "__main__":
    sys.exit(main())
