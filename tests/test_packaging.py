"""The wheel contains every package of the library."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def packages(folder, name):
    """The names of the packages in `folder`, which is installed as `name`."""
    for init in folder.rglob("__init__.py"):
        yield ".".join([name, *init.parent.relative_to(folder).parts])


def test_every_package_is_listed():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    present = {
        *packages(ROOT / "keras_ddl", "keras_ddl"),
        *packages(ROOT / "callbacks", "keras_ddl.callbacks"),
    }
    assert set(setuptools["packages"]) == present
    for package, folder in setuptools["package-dir"].items():
        assert (ROOT / folder / "__init__.py").is_file(), package
