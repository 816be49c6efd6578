"""Flags of the normalization experiments: on how many devices, and whose statistics BN takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.harness.experiment import Choice
from benchmarks.harness.spec import Record
from benchmarks.harness.views import groups

SETUP = ("devices", "synchronized")  # parameters of a trial on several devices
SYNCHRONIZED = Choice(
    "synchronized", ("no", "yes"), "with several devices: BN with the statistics of all"
)


def devices(*counts: str) -> Choice:
    return Choice("devices", counts, "devices, each of which takes a batch")


def setup(choices: Mapping[str, str]) -> dict[str, Any]:
    """What the flags add to a trial's parameters: nothing for one device."""
    count = int(choices.get("devices", "1"))
    if count == 1:
        return {}
    return {"devices": count, "synchronized": choices["synchronized"] == "yes"}


def of_one_setup(records: Sequence[Record]) -> tuple[str, list[Record]]:
    """No verdict may mix set-ups: the first of these, and what to put before its findings.

    The first is that of one device, then come fewer before more devices.
    """
    for (count, synchronized), found in groups(records, SETUP, optional=True).items():
        if count is None:
            return "", found
        return f"{count} devices{', synchronized' * synchronized}, ", found
    return "", []
