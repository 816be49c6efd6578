"""Flags of the normalization experiments: the number of devices, and synchronized BN."""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.experiment import Choice
from benchmarks.harness.spec import Record
from benchmarks.harness.views import groups

SETUP = ("devices", "synchronized")  # parameters of a trial on several devices
SYNCHRONIZED = Choice(
    "synchronized", ("no", "yes"), "with several devices: whether BN uses the statistics of all"
)


def device_choice(*counts: str) -> Choice:
    return Choice("devices", counts, "the number of devices; each device processes a batch")


def setup(devices: str, synchronized: str) -> dict[str, Any]:
    """The parameters that the flags add to a trial. There are none for one device."""
    if devices == "1":
        return {}
    return {"devices": int(devices), "synchronized": synchronized == "yes"}


def of_one_setup(records: Sequence[Record]) -> tuple[str, list[Record]]:
    """Choose the records of one set-up, because no verdict may mix set-ups.

    One device is preferred, then the smallest number of devices.

    Returns:
        The beginning of each finding's text, which names the set-up, and the records.
    """
    for (count, synchronized), of_setup in groups(records, SETUP, optional=True).items():
        if count is None:
            return "", of_setup
        return f"{count} devices{', synchronized' * synchronized}, ", of_setup
    return "", []
