"""The catalogue's check finds every wrong cell, and none in the catalogue itself."""

import math
from dataclasses import replace

import pytest

from benchmarks.activations import check
from keras_ddl.activations import CATALOGUE

ENTRIES = {entry.name: entry for entry in CATALOGUE}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_cell_agrees_with_the_functions_numbers(name):
    assert check.wrong_cells(ENTRIES[name]) == []


@pytest.mark.parametrize("name", ENTRIES)
def test_every_cell_is_checked(name):
    """Makes each cell wrong in turn; the check must find it."""
    entry = ENTRIES[name]
    wrong = {
        "equation": f"({entry.equation}) + 0.001 * x",
        "derivative": f"({entry.derivative}) + 0.001",
        "range": (entry.range[0] - 0.5 if math.isfinite(entry.range[0]) else -9.0, entry.range[1]),
        "continuity": 1 if entry.continuity != 1 else 0,
        "monotonic": not entry.monotonic,
        "monotonic_derivative": not entry.monotonic_derivative,
        "identity_near_origin": not entry.identity_near_origin,
    }
    for cell, value in wrong.items():
        assert cell in check.wrong_cells(replace(entry, **{cell: value}))
