"""Flags of the normalization experiments: on how many devices, and whose statistics BN takes."""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.experiment import Choice
from benchmarks.harness.spec import Record
from benchmarks.harness.views import groups

SETUP = ("devices", "synchronized")  # parameters of a trial on several devices
SYNCHRONIZED = Choice(
    "synchronized", ("no", "yes"), "with several devices: BN with the statistics of all"
)


def device_choice(*counts: str) -> Choice:
    return Choice("devices", counts, "devices, each of which takes a batch")


def setup(devices: str, synchronized: str) -> dict[str, Any]:
    """What the flags add to a trial's parameters: nothing for one device."""
    if devices == "1":
        return {}
    return {"devices": int(devices), "synchronized": synchronized == "yes"}


def of_one_setup(records: Sequence[Record]) -> tuple[str, list[Record]]:
    """No verdict may mix set-ups: the first of these, and what to put before its findings.

    The first is that of one device, then come fewer before more devices.
    """
    for (count, synchronized), found in groups(records, SETUP, optional=True).items():
        if count is None:
            return "", found
        return f"{count} devices{', synchronized' * synchronized}, ", found
    return "", []
