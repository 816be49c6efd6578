"""Adapters to experiment trackers, each of which is an optional package.

An adapter is a class whose instances are runs. `adapter` finds it by the tracker's name.
"""

import importlib
from typing import Any, Protocol

from keras_ddl._checks import one_of

TOOLS = {
    "tensorboard": "TensorBoardRun",
    "wandb": "WandbRun",
    "mlflow": "MlflowRun",
}


class Run(Protocol):
    """A run of a tracker.

    It is created by `(folder, project, name, config)`: where files are written, the name of the
    group of runs, the name of the run, and a mapping of hyperparameters.
    """

    def log(self, values: dict[str, float], step: int) -> None:
        """Write numbers."""

    def histogram(self, name: str, values: Any, step: int) -> None:
        """Write the histogram of an array."""

    def figure(self, name: str, figure: Any, step: int) -> None:
        """Write a matplotlib figure as an image."""

    def close(self) -> None:
        """End the run and write what is left."""


def adapter(tool: str) -> type[Run]:
    """The adapter's class of a tracker."""
    one_of("tool", tool, tuple(TOOLS))
    module = importlib.import_module(f"keras_ddl.callbacks.trackers.{tool}_run")
    return getattr(module, TOOLS[tool])
