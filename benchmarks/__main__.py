"""`python -m benchmarks`: what can be run, a line each."""

import importlib
import pkgutil

import benchmarks
from benchmarks.harness.spec import Experiment


def experiments() -> list[Experiment]:
    """The experiments of this package, by name. Importing one imports no Keras."""
    modules = [
        importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.ispkg and module.name != "__main__"
    ]
    return [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]


def main() -> None:
    found = experiments()
    width = max(len(experiment.name) for experiment in found)
    for experiment in found:
        print(f"{experiment.name:{width}}  {experiment.summary}")
    print("\nRun one with: python -m benchmarks.NAME, and see its flags with --help.")


if __name__ == "__main__":
    main()
