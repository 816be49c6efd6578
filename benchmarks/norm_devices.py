"""Flags of the normalization experiments: on how many devices, and whose statistics BN takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.harness.experiment import Choice
from benchmarks.harness.spec import Record
from benchmarks.harness.views import groups

SETUP = ("devices", "synchronized")  # parameters of a trial on several devices
SYNCHRONIZED = Choice("synchronized", ("no", "yes"), "BN with the statistics of all devices")


def devices(*counts: str) -> Choice:
    return Choice("devices", counts, "devices, each of which takes a batch")


def setup(choices: Mapping[str, str]) -> dict[str, Any]:
    """What the flags add to a trial's parameters: nothing for one device."""
    count = int(choices.get("devices", "1"))
    if count == 1:
        return {}
    return {"devices": count, "synchronized": choices["synchronized"] == "yes"}


def of_one_setup(records: Sequence[Record]) -> list[Record]:
    """Those of the set-up with the most records: no verdict may mix them."""
    return max(groups(records, SETUP).values(), key=len, default=[])
