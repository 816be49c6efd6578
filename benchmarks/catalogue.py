"""All commands: the modules of `benchmarks/` and `benchmarks/costs/`, and packages that have a
`__main__`.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import benchmarks
from benchmarks import costs
from benchmarks.harness.experiment import Experiment

_NOT_COMMANDS = (
    "benchmarks.__main__",
    "benchmarks.catalogue",
    "benchmarks.costs.turns",
    "benchmarks.costs.workers",
)


@dataclass(frozen=True)
class Entry:
    """A command: `python -m benchmarks.<name>`.

    Args:
        name: the name of the module or package, such as "costs.overhead".
        summary: one line for lists.
        experiments: the experiments whose records the command writes.
    """

    name: str
    summary: str
    experiments: tuple[Experiment, ...]


def entries() -> list[Entry]:
    """All commands, by name. Imports no Keras."""
    commands = [_entry(name, module) for name, module in _modules()]
    return sorted(commands, key=lambda entry: entry.name)


def experiments() -> list[Experiment]:
    """All experiments, by name. Imports no Keras."""
    declared = [experiment for entry in entries() for experiment in entry.experiments]
    return sorted(declared, key=lambda experiment: experiment.name)


def _entry(name: str, module: ModuleType) -> Entry:
    """Describe a command. Its module defines `EXPERIMENT`, or `SUMMARY` with optional `STUDIES`."""
    if hasattr(module, "EXPERIMENT"):
        experiment = module.EXPERIMENT
        return Entry(name, getattr(module, "SUMMARY", experiment.summary), (experiment,))
    studies = getattr(module, "STUDIES", {}).values()
    return Entry(
        name, module.SUMMARY, tuple(study for study in studies if isinstance(study, Experiment))
    )


def _modules() -> Iterator[tuple[str, ModuleType]]:
    """Yield each command's name, as it follows `python -m benchmarks.`, and its module."""
    for package in (benchmarks, costs):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            main = f"{module.name}.__main__" if module.ispkg else module.name
            if module.name in _NOT_COMMANDS or importlib.util.find_spec(main) is None:
                continue
            yield module.name.removeprefix("benchmarks."), importlib.import_module(main)
