"""Which experiments there are."""

import importlib
import pkgutil

import benchmarks
from benchmarks.harness.experiment import Experiment


def experiments() -> list[Experiment]:
    """The experiments of `benchmarks`, by name. Finding them imports no Keras."""
    modules = [
        importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.ispkg and module.name != "__main__"
    ]
    return [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]
