"""What normalization costs: at test time, folded and not, and in training.

A ResNet-50 whose moving statistics have been trained a few steps is folded by
`fold_batch_normalization` and compared with itself and with the same network without
normalization. A small convolutional network is trained with BatchNormalization, with none, with
LayerNormalization and with GroupNormalization, by `swap_normalization`. Arms take turns, so that a
slow minute of the machine falls on all of them; memory is measured in processes of their own.
"""

import argparse
import json
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.costs.turns import take_turns
from benchmarks.harness import commands
from benchmarks.harness.claims import Finding, all_of, within
from benchmarks.harness.env import ROOT, environment
from benchmarks.harness.stats import mean_interval

SUMMARY = "what normalization costs: folded or not at test time, and in training"
IMAGE, BATCH, TRAINED_STEPS = 128, 8, 5  # of the ResNet-50
SMALL_IMAGE, SMALL_BATCH, WIDTHS = 32, 192, (32, 32, 64, 64)
EXACT = 1e-4  # the largest output difference that counts as none, relative to the largest output
FREE = 1.05  # the largest ratio that counts as no cost

Arms = dict[str, Callable[[], Any]]
Values = dict[str, dict[str, list[float]]]  # by part and arm


def testing(jit_compile: bool | str, folder: Path) -> tuple[Arms, dict[str, Any]]:
    """Forward passes of the ResNet-50 with its normalization, folded, and without any.

    The networks are saved in the folder.
    """
    import keras
    import numpy as np

    from keras_ddl.surgery import fold_batch_normalization, swap_normalization

    rng = np.random.default_rng(0)
    batches = rng.normal(size=(TRAINED_STEPS, BATCH, IMAGE, IMAGE, 3)).astype("float32")
    model = keras.applications.ResNet50(
        weights=None, input_shape=(IMAGE, IMAGE, 3), classes=100, classifier_activation=None
    )
    model.compile("sgd", "mse", jit_compile=jit_compile)
    for batch in batches:
        model.train_on_batch(batch, rng.normal(size=(BATCH, 100)))
    nets = {
        "BN": model,
        "BN folded": fold_batch_normalization(model, strict=True),
        "none": swap_normalization(model, None),
    }
    for name, net in nets.items():
        net.save(folder / f"{name}.keras", include_optimizer=False)
        net.compile(jit_compile=jit_compile)
    weights = {name: 4 * net.count_params() for name, net in nets.items()}
    before, after = (
        [nets[name].predict_on_batch(batch) for batch in batches] for name in ("BN", "BN folded")
    )
    difference = [
        float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(before, after, strict=True)
    ]
    arms: Arms = {name: partial(net.predict_on_batch, batches[0]) for name, net in nets.items()}
    return arms, {"weights": weights, "difference": difference}


def serve(path: Path, jit_compile: bool | str) -> None:
    """Load a network and run it."""
    import keras
    import numpy as np

    model = keras.saving.load_model(path, compile=False)
    model.compile(jit_compile=jit_compile)
    for _ in range(3):
        model.predict_on_batch(np.zeros((BATCH, IMAGE, IMAGE, 3), "float32"))


def training(jit_compile: bool | str) -> Arms:
    """Training steps of the small network with each normalization."""
    import keras
    import numpy as np
    from keras import layers

    from keras_ddl.surgery import swap_normalization

    inputs = x = keras.Input((SMALL_IMAGE, SMALL_IMAGE, 3))
    for block, width in enumerate(WIDTHS):
        x = layers.Conv2D(width, 3, strides=2 if block == 2 else 1, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    outputs = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    normal = keras.Model(inputs, outputs)
    nets = {
        "none": swap_normalization(normal, None),
        "BN": normal,
        "LN": swap_normalization(normal, layers.LayerNormalization),
        "GN": swap_normalization(normal, lambda old: layers.GroupNormalization(8, name=old.name)),
    }
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for net in nets.values():
        net.compile(keras.optimizers.SGD(0.01), loss, jit_compile=jit_compile)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(SMALL_BATCH, SMALL_IMAGE, SMALL_IMAGE, 3)).astype("float32")
    labels = rng.integers(0, 10, SMALL_BATCH)
    return {name: partial(net.train_on_batch, images, labels) for name, net in nets.items()}


def peak_bytes(arm: Callable[[], Any]) -> int:
    """By how much resident memory rises meanwhile (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest value so far
    before = _status("VmRSS")
    arm()
    return _status("VmHWM") - before


def _status(key: str) -> int:
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return 1024 * int(found[1])


def measure_times(rounds: int, folder: Path) -> dict[str, Any]:
    """All arms in this process, after two rounds to warm up."""
    from benchmarks.harness.training import backend

    jit_compile = backend.jit_compile()  # first: this import of Keras keeps TensorFlow quiet
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # many networks are no retracing
    test_arms, facts = testing(jit_compile, folder)
    times: Values = {}
    for part, arms in (("test", test_arms), ("training", training(jit_compile))):
        times[part] = take_turns(arms, rounds, warm_up=2)
    return {"times": times, "ran": environment(backend.name()), **facts}


def measure_memory(part: str, arm: str, folder: Path) -> int:
    """One arm, in a process in which no other arm has run: allocators keep what was freed."""
    from benchmarks.harness.training.backend import jit_compile

    if part == "test":
        return peak_bytes(partial(serve, folder / f"{arm}.keras", jit_compile()))
    step = training(jit_compile())[arm]
    return peak_bytes(lambda: [step() for _ in range(3)])


def in_process(backend: str, *arguments: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.costs.norm_cost", *arguments],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout.splitlines()[-1])


def measure(backend: str, rounds: int, memory_rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        measured = in_process(backend, "--times", folder, "--rounds", str(rounds))
        peaks: Values = {}
        for part, times in measured["times"].items():
            taken = [
                [in_process(backend, "--memory", part, arm, folder) for arm in times]
                for _ in range(memory_rounds if part == "training" else 1)
            ]
            peaks[part] = dict(zip(times, map(list, zip(*taken, strict=True)), strict=True))
    return {**measured, "peaks": peaks}


def ratios(of: list[float], to: list[float]) -> list[float]:
    return [a / b for a, b in zip(of, to, strict=True)]


def table(measured: dict[str, dict[str, Any]], part: str, reference: str) -> str:
    rows = []
    for backend, found in measured.items():
        times, peaks = found["times"][part], found["peaks"][part]
        for arm in times:
            row = [backend, arm, 1e3 * statistics.median(times[arm])]
            row.append(statistics.median(ratios(times[arm], times[reference])))
            row.append(statistics.median(peaks[arm]) / 2**20)
            row.append(statistics.median(ratios(peaks[arm], peaks[reference])))
            rows.append([*row, *([found["weights"][arm] / 2**20] if part == "test" else [])])
    ratio = f"ratio to {reference}"
    headers = ["backend", "normalization", "median ms", ratio, "peak MiB", ratio]
    headers += ["weights MiB"] if part == "test" else []
    return tabulate(rows, headers, tablefmt="pipe", floatfmt=".3f")


def findings(measured: dict[str, dict[str, Any]]) -> dict[str, list[Finding]]:
    """What each claim says, per backend."""
    fused, cost = [], []
    for backend, found in measured.items():
        what = f"{backend}: largest output difference, folded and not, relative, at most {EXACT}"
        fused.append(within(what, mean_interval(found["difference"]), "", high=EXACT))
        times = found["times"]["test"]
        what = f"{backend}: latency, folded / without normalization, at most {FREE}"
        fused.append(
            within(what, mean_interval(ratios(times["BN folded"], times["none"])), "", high=FREE)
        )
        for quantity, key in (("step time", "times"), ("peak memory of a step", "peaks")):
            values = found[key]["training"]
            what = f"{backend}: {quantity}, BN / none, above 1"
            cost.append(
                within(what, mean_interval(ratios(values["BN"], values["none"])), "", low=1)
            )
    return {"bn-fused": fused, "bn-cost": cost}


def page(measured: dict[str, dict[str, Any]], rounds: int, memory_rounds: int) -> str:
    ran = next(iter(measured.values()))["ran"]
    versions = ", ".join(f"{name} {ran['packages'][name]}" for name in ("keras", *measured))
    judged = [
        (claim, all_of(parts).verdict, part.what, _interval(part), part.verdict)
        for claim, parts in findings(measured).items()
        for part in parts
    ]
    columns = ("claim", "verdict", "finding", "mean, 95 % interval", "it is")
    return "\n\n".join(
        [
            "# What normalization costs",
            f"Written by `python -m benchmarks.costs.norm_cost` on {ran['device']} ({ran['cores']} "
            f"cores), {versions}, commit {ran['commit']}; on a CPU TensorFlow runs without XLA, as "
            f"in all experiments here. Times: medians of {rounds} rounds in which the arms take "
            "turns; a ratio is the median of the rounds' ratios. Peaks: by how much the memory of "
            "a process of its own rises, compiling included: in one that loads a network and "
            f"runs it three times, and the median of {memory_rounds} that train it three steps.",
            f"## At test time: ResNet-50, batch {BATCH}, {IMAGE} x {IMAGE}",
            f"Moving statistics trained for {TRAINED_STEPS} steps. `fold_batch_normalization` "
            "gives `BN folded`, `swap_normalization(model, None)` gives `none`.",
            table(measured, "test", "BN"),
            f"## In training: convolutions of {WIDTHS} filters, batch {SMALL_BATCH}, "
            f"{SMALL_IMAGE} x {SMALL_IMAGE}",
            "Core's layers; LN over channels, GN with 8 groups.",
            table(measured, "training", "none"),
            "## Verdicts",
            tabulate(judged, columns, tablefmt="pipe", disable_numparse=True),
        ]
    )


def _interval(finding: Finding) -> str:
    return f"{finding.interval.mean:.3g} ± {finding.interval.half:.2g}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("costs.norm_cost", __doc__)
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds, after two to warm up")
    parser.add_argument("--memory-rounds", type=int, default=3, help="processes for each peak")
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax"], metavar="NAME")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page there too")
    # What the command runs itself, with another backend in each process.
    parser.add_argument("--times", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.times:
        print(json.dumps(measure_times(arguments.rounds, arguments.times)))
        return 0
    if arguments.memory:
        part, arm, folder = arguments.memory
        print(json.dumps(measure_memory(part, arm, Path(folder))))
        return 0
    rounds = arguments.rounds, arguments.memory_rounds
    measured = {backend: measure(backend, *rounds) for backend in arguments.backends}
    text = page(measured, *rounds)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
