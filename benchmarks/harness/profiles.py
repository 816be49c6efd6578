"""Profiles are data: `benchmarks/profiles/<experiment>.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from benchmarks.harness.spec import Profile

FOLDER = Path(__file__).resolve().parents[1] / "profiles"


def load(experiment: str, folder: Path = FOLDER) -> dict[str, Profile]:
    """Read an experiment's profiles, smallest first.

    Each table is a profile; `extends` names the one whose settings it starts from, and a table
    within it, such as `[quick.digits]`, changes settings for one data set, on top of those that
    the extended profile changes for it. `costs` is a sentence on what the scale-down costs, and is
    not extended. The string "none" stands for None.
    """
    with (folder / f"{experiment}.toml").open("rb") as stream:
        tables = tomllib.load(stream)
    return {name: _profile(name, tables) for name in reversed(tables)}


def _profile(name: str, tables: dict[str, dict[str, Any]]) -> Profile:
    own = _with_none(tables[name])
    base = _profile(own.pop("extends"), tables) if "extends" in own else Profile({}, 1)
    costs = own.pop("costs", "")
    repetitions = own.pop("repetitions", base.repetitions)
    datasets = {key: own.pop(key) for key in [*own] if isinstance(own[key], dict)}
    merged = {
        key: {**base.datasets.get(key, {}), **datasets.get(key, {})}
        for key in {**base.datasets, **datasets}
    }
    return Profile({**base.settings, **own}, repetitions, merged, costs)


def _with_none(value: Any) -> Any:
    """TOML has no null: the string "none" stands for it, in nested tables too."""
    if isinstance(value, dict):
        return {key: _with_none(inner) for key, inner in value.items()}
    return None if value == "none" else value
