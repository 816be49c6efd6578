"""Published values, kept in `benchmarks/references/*.toml` with their provenance."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "references"


@dataclass(frozen=True)
class Reference:
    """One published table or curve.

    Args:
        source: the paper.
        place: the table or figure in it.
        provenance: how the values were got from it.
        protocol: what was done differently there, or is not stated.
        values: metric name -> axis value -> published value.
        spreads: the same for the published error bars.
    """

    source: str
    place: str
    provenance: str
    protocol: str
    values: Mapping[str, Mapping[float, float]]
    spreads: Mapping[str, Mapping[float, float]]

    @property
    def label(self) -> str:
        return f"{self.source}, {self.place}"

    @property
    def description(self) -> str:
        """The label with what was done there and where the values come from."""
        return f"{self.label}. {self.protocol}. Values: {self.provenance}."


def load(file: str, table: str) -> Reference:
    """Read `[table]` of `benchmarks/references/<file>.toml`: the axis and columns as lists."""
    with (FOLDER / f"{file}.toml").open("rb") as stream:
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
