"""The catalogue's check finds every wrong cell, and none in the catalogue itself."""

import math
from dataclasses import replace

import pytest

from benchmarks import activations
from keras_ddl.activations import CATALOGUE

ENTRIES = {entry.name: entry for entry in CATALOGUE}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_cell_agrees_with_the_functions_numbers(name):
    assert activations.wrong_cells(ENTRIES[name]) == []


@pytest.mark.parametrize("name", ENTRIES)
def test_every_cell_is_checked(name):
    """Each cell is made wrong in turn, and is found."""
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
        assert cell in activations.wrong_cells(replace(entry, **{cell: value}))


def test_the_command_writes_the_page_and_fails_on_a_wrong_cell(
    tmp_path, capsys, monkeypatch, picture_size
):
    assert activations.main(["--out", str(tmp_path)]) == 0
    assert "SELU" in (tmp_path / "README.md").read_text()
    assert picture_size(tmp_path / "activations.png")[0] == 1400
    broken = (replace(CATALOGUE[0], monotonic=False), *CATALOGUE[1:])
    monkeypatch.setattr("keras_ddl.activations.CATALOGUE", broken)
    assert activations.main(["--out", str(tmp_path / "none")]) == 1
    assert "identity: the numbers contradict monotonic" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
