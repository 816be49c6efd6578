"""Stores the records of turns: one file for each network, one line for each turn."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.costs.throughput.arms import BY_NAME, NETWORKS

Record = dict[str, Any]


def append(file: Path, new: Iterable[Record], ran: dict[str, Any]) -> None:
    """Append records and their environment in a single write.

    Args:
        file: a file that need not exist.
        new: records without an environment.
        ran: the environment.
    """
    lines = [json.dumps({**record, "environment": ran}) for record in new]
    with file.open("a", encoding="utf-8") as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def read(folder: Path) -> list[Record]:
    """All records of a folder, except those of arms and networks that no longer exist."""
    found = []
    for name in NETWORKS:
        file = folder / f"{name}.jsonl"
        if file.exists():
            found += _lines(file)
    return [record for record in found if record["arm"] in BY_NAME]


def next_round(file: Path) -> int:
    """The number of the next round of a file."""
    numbers = [record.get("round", -1) for record in _lines(file)] if file.exists() else []
    return max(numbers, default=-1) + 1


def turns(found: Sequence[Record], network: str) -> dict[str, dict[int, Record]]:
    """The records of turns on a network, by arm and round."""
    by_arm: dict[str, dict[int, Record]] = {}
    for record in found:
        if record["network"] == network and "round" in record:
            by_arm.setdefault(record["arm"], {})[record["round"]] = record
    return by_arm


def ended(found: Sequence[Record], network: str) -> dict[str, Record]:
    """The last record of start and memory on a network, by arm."""
    return {
        record["arm"]: record
        for record in found
        if record["network"] == network and "memory" in record
    }


def _lines(file: Path) -> list[Record]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
