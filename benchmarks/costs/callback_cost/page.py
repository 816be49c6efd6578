"""Records of epoch times as a page. Needs no Keras."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

Record = dict[str, Any]
TITLES = {"mlp": "784-2048-2048-2048-10", "resnet20": "ResNet-20 on 32x32x3"}
FULL = {"mlp": ("MNIST", 60_000), "resnet20": ("CIFAR-10", 50_000)}  # the data sets' own epochs
NONE, USUAL = "none", "the usual way"
PAIR, STATISTICS = "DeadReLUCounter (gradient) + GradientStats", "ActivationStats"
WHOLE = "DeadReLUCounter (data, whole set)"
LIMITS = {  # by arm: the arm it is compared with, and the largest share of its extra time
    PAIR: (NONE, 0.03),
    STATISTICS: (NONE, 0.03),
    WHOLE: (USUAL, 0.5),
}


def read(folder: Path) -> list[Record]:
    """All records of a folder, a file for each network and backend."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(
        records, key=lambda record: ([*TITLES].index(record["network"]), record["backend"])
    )


def text(records: Sequence[Record]) -> str:
    """The page: what is measured, and a table for each network and backend."""
    parts = [
        "# What the callbacks cost",
        "Written by `python -m benchmarks.costs.callback_cost`. Epochs of SGD with momentum, with "
        "none, with each and with all callbacks; `fit`s take turns, a batch each. *Extra* is the "
        "median over rounds of an epoch's time beyond that of the same round without callbacks. "
        "Epochs here are short, so what is done once an epoch weighs more than in a whole data "
        "set's: for that the extra is computed from the times of steps and of the epoch's end, "
        "and it is what limits are held to. The usual way "
        "to count dead units is a `predict` of all activations over the training set at the end of "
        "each epoch. Where no unit is dead, `DeadReLUCounter` in mode `data` is done after a few "
        "batches; with a dead unit in each layer it has to run them all.",
    ]
    for record in records:
        ran = record["environment"]
        backend = record["backend"]
        parts += [
            f"## {TITLES[record['network']]}, {backend}",
            f"{record['examples']} examples an epoch, batches of {record['batch']}. {backend} "
            f"{ran['packages'][backend]}, Keras {ran['packages']['keras']}, {ran['device']} "
            f"({ran['cores']} cores), commit {ran['commit']}.",
            table(record),
        ]
    return "\n\n".join(parts) + "\n"


def table(record: Record) -> str:
    """Median seconds, and medians of what each round cost beside the round of no callbacks."""
    times, trained = record["times"], record["trained"]
    title, examples = FULL[record["network"]]
    scale = examples / record["examples"]

    def extra(name: str, of: dict[str, list[float]]) -> list[float]:
        return [a - b for a, b in zip(of[name], of[NONE], strict=True)]

    def share(extras: Sequence[float], epochs: Sequence[float]) -> float:
        return statistics.median(e / b for e, b in zip(extras, epochs, strict=True))

    def whole(steps: Sequence[float], epochs: Sequence[float]) -> list[float]:
        """Seconds of an epoch of the data set: more steps, and an end that takes as long."""
        return [e + (scale - 1) * s for s, e in zip(steps, epochs, strict=True)]

    usual = statistics.median(extra(USUAL, times))
    rows = []
    for name, spent in times.items():
        cost = share(extra(name, times), times[NONE])
        in_full = share(
            whole(extra(name, trained), extra(name, times)), whole(trained[NONE], times[NONE])
        )
        of_usual = statistics.median(extra(name, times)) / usual
        all_data = name.startswith(WHOLE) or name == USUAL  # their end takes longer, too
        base, limit = LIMITS.get(name, ("", 0.0))
        reached = of_usual if base == USUAL else in_full
        verdict = f"{'holds' if reached <= limit else 'MISSED'}: at most {limit:.0%} of {base}"
        rows.append(
            (
                name,
                f"{statistics.median(spent):.3f}",
                f"{100 * cost:+.1f} %" if name != NONE else "",
                f"{100 * in_full:+.1f} %" if name != NONE and not all_data else "",
                f"{of_usual:.2f}" if "data" in name or name == USUAL else "",
                verdict.replace(f"of {NONE}", "more") if base else "",
                " ".join(f"{seconds:.2f}" for seconds in spent),
            )
        )
    headers = (
        "callbacks",
        "epoch, s",
        "extra",
        f"extra, all of {title}",
        "extra, of the usual way's",
        "wanted",
        "rounds, s",
    )
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
