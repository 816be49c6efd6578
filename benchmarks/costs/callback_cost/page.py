"""Writes the page about epoch times from their records. Needs no Keras."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.harness.env import described

Record = dict[str, Any]
TITLES = {"mlp": "784-2048-2048-2048-10", "resnet20": "ResNet-20 on 32x32x3"}
# By network, the data set for whose epochs the cost is computed, and its training images.
FULL = {"mlp": ("MNIST", 60_000), "resnet20": ("CIFAR-10", 50_000)}
NONE, USUAL = "none", "the usual way"
PAIR, STATISTICS = "DeadReLUCounter (gradient) + GradientStats", "ActivationStats"
WHOLE = "DeadReLUCounter (data, whole set)"
LIMITS = {  # by arm: the arm it is compared with, and the largest acceptable share of extra time
    PAIR: (NONE, 0.03),
    STATISTICS: (NONE, 0.03),
    WHOLE: (USUAL, 0.5),
}


def read(folder: Path) -> list[Record]:
    """Read all records of a folder. Each network and backend has a separate file."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(
        records, key=lambda record: ([*TITLES].index(record["network"]), record["backend"])
    )


def text(records: Sequence[Record]) -> str:
    """The page: an explanation, and a table for each network and backend."""
    parts = [
        "# What the callbacks cost",
        "Written by `python -m benchmarks.costs.callback_cost`. Epochs of SGD with momentum, with "
        "none, with each and with all callbacks; `fit`s take turns, a batch each. *Extra* is the "
        "median over rounds of an epoch's time beyond that of the same round without callbacks. "
        "Epochs here are short, so what is done once an epoch weighs more than in a whole data "
        "set's: for that the extra is computed from the times of steps and of the epoch's end, "
        "and a limit is the largest share that is wanted of that, or "
        "of the usual way's extra. The usual way "
        "to count dead units is a `predict` of all activations over the training set at the end of "
        "each epoch. Where no unit is dead, `DeadReLUCounter` in mode `data` is done after a few "
        "batches; with a dead unit in each layer it has to run them all.",
    ]
    for record in records:
        ran = record["environment"]
        backend = record["backend"]
        parts += [
            f"## {TITLES[record['network']]}, {backend}",
            f"{record['examples']} examples an epoch, batches of {record['batch']}, on "
            f"{described(ran, backend, 'keras')}.",
            table(record),
        ]
    return "\n\n".join(parts) + "\n"


def table(record: Record) -> str:
    """Medians of the epoch times, and of the extra time over the same round without callbacks."""
    times, trained = record["times"], record["trained"]
    title, examples = FULL[record["network"]]
    scale = examples / record["examples"]

    def extra(name: str, of: dict[str, list[float]]) -> list[float]:
        return [a - b for a, b in zip(of[name], of[NONE], strict=True)]

    def share(extras: Sequence[float], epochs: Sequence[float]) -> float:
        return statistics.median(e / b for e, b in zip(extras, epochs, strict=True))

    def whole(steps: Sequence[float], epochs: Sequence[float]) -> list[float]:
        """Seconds of an epoch of the whole data set: more steps, and the same time at its end."""
        return [e + (scale - 1) * s for s, e in zip(steps, epochs, strict=True)]

    usual = statistics.median(extra(USUAL, times))
    rows = []
    for name, spent in times.items():
        cost = share(extra(name, times), times[NONE])
        in_full = share(
            whole(extra(name, trained), extra(name, times)), whole(trained[NONE], times[NONE])
        )
        of_usual = statistics.median(extra(name, times)) / usual
        # These arms read all data at the end of an epoch, so `whole` does not hold for them.
        all_data = name.startswith(WHOLE) or name == USUAL
        base, limit = LIMITS.get(name, ("", 0.0))
        rows.append(
            (
                name,
                f"{statistics.median(spent):.3f}",
                f"{100 * cost:+.1f} %" if name != NONE else "",
                f"{100 * in_full:+.1f} %" if name != NONE and not all_data else "",
                f"{of_usual:.2f}" if "data" in name or name == USUAL else "",
                f"{limit:.0%}" if base else "",
                " ".join(f"{seconds:.2f}" for seconds in spent),
            )
        )
    headers = (
        "callbacks",
        "epoch, s",
        "extra",
        f"extra, all of {title}",
        "extra, of the usual way's",
        "limit",
        "rounds, s",
    )
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
