"""Experiments that test what lectures and papers claim: `python -m benchmarks` lists them."""

import importlib
import pkgutil

from benchmarks.harness.experiment import Experiment


def experiments() -> list[Experiment]:
    """The experiments of this package, by name. Finding them imports no Keras."""
    modules = [
        importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(__path__)
        if not module.ispkg and module.name != "__main__"
    ]
    return [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]
