"""Reads published values, with their provenance, from `benchmarks/references/*.toml`."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "references"


@dataclass(frozen=True)
class Reference:
    """One published table or curve.

    Args:
        source: the paper.
        place: the table or figure in the paper.
        provenance: how the values were taken from the paper.
        protocol: the paper's set-up, and what the paper does not state.
        values: metric name -> axis value -> published value.
        spreads: metric name -> axis value -> half length of the published error bar.
    """

    source: str
    place: str
    provenance: str
    protocol: str
    values: Mapping[str, Mapping[Any, float]]
    spreads: Mapping[str, Mapping[Any, float]]

    @property
    def label(self) -> str:
        return f"{self.source}, {self.place}"

    @property
    def description(self) -> str:
        """The label, the protocol and the provenance."""
        return f"{self.label}. {self.protocol}. Values: {self.provenance}."


def load(file: str, table: str) -> Reference:
    """Read `[table]` of `benchmarks/references/<file>.toml`. Its axis and columns are lists."""
    return _read(FOLDER / f"{file}.toml", table)


@functools.cache
def _read(path: Path, table: str) -> Reference:
    with path.open("rb") as stream:
        content = tomllib.load(stream)[table]
    axis = content.pop("axis")
    columns = {name: value for name, value in content.items() if isinstance(value, list)}
    by_axis = {name: dict(zip(axis, column, strict=True)) for name, column in columns.items()}
    return Reference(
        **{name: value for name, value in content.items() if isinstance(value, str)},
        values={name: v for name, v in by_axis.items() if not name.endswith("_spread")},
        spreads={
            name.removesuffix("_spread"): v
            for name, v in by_axis.items()
            if name.endswith("_spread")
        },
    )
