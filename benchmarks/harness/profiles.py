"""Reads profiles from `benchmarks/profiles/<experiment>.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from benchmarks.harness.spec import Profile

FOLDER = Path(__file__).resolve().parents[1] / "profiles"


def load(experiment: str, folder: Path = FOLDER) -> dict[str, Profile]:
    """Read an experiment's profiles, smallest first.

    Each table of the file is a profile. `extends` names another profile from which it inherits
    settings. A nested table, such as `[quick.digits]`, changes settings for one data set, and
    inherits the nested table of the extended profile. `costs` is a sentence that says how the
    smaller size affects the results; it is not inherited. The string "none" stands for None.
    """
    with (folder / f"{experiment}.toml").open("rb") as stream:
        tables = tomllib.load(stream)
    return {name: _profile(name, tables) for name in reversed(tables)}


def _profile(name: str, tables: dict[str, dict[str, Any]]) -> Profile:
    table = _with_none(tables[name])
    base = _profile(table.pop("extends"), tables) if "extends" in table else Profile({}, 1)
    costs = table.pop("costs", "")
    repetitions = table.pop("repetitions", base.repetitions)
    datasets = {key: table.pop(key) for key in [*table] if isinstance(table[key], dict)}
    merged = {
        key: {**base.datasets.get(key, {}), **datasets.get(key, {})}
        for key in {**base.datasets, **datasets}
    }
    return Profile({**base.settings, **table}, repetitions, merged, costs)


def _with_none(value: Any) -> Any:
    """Replace the string "none" by None, in nested tables too: TOML has no null."""
    if isinstance(value, dict):
        return {key: _with_none(inner) for key, inner in value.items()}
    return None if value == "none" else value
