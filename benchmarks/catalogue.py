"""Which experiments and measurements there are."""

import importlib
import pkgutil
from types import ModuleType

import benchmarks
from benchmarks.harness.experiment import Experiment


def experiments() -> list[Experiment]:
    """The experiments of `benchmarks`, by name. Finding them imports no Keras."""
    return [module.EXPERIMENT for module in _modules() if hasattr(module, "EXPERIMENT")]


def measurements() -> dict[str, str]:
    """Summaries of what is measured rather than trained: modules with a `SUMMARY`, by name."""
    return {
        module.__name__.rpartition(".")[2]: module.SUMMARY
        for module in _modules()
        if hasattr(module, "SUMMARY")
    }


def _modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name != "__main__"
    ]
