"""Experiment trackers: TensorBoard, Weights & Biases and MLflow."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl import Population
from keras_ddl.callbacks.trackers import Run, adapter


class RunTracker(keras.callbacks.Callback):
    """Writes the logs of each epoch to an experiment tracker, on any backend and offline.

    A `Population` of K members becomes K runs. Place the callback after those that add to the logs.

    ```python
    model.fit(x, y, callbacks=[GradientStats(), RunTracker("tensorboard", "runs")])
    # tensorboard --logdir runs
    ```

    Each tracker is an optional package, which must be installed.

    | tool | what is written |
    |-|-|
    | "tensorboard" | event files, written without TensorFlow |
    | "wandb" | offline runs of Weights & Biases, for `wandb sync` |
    | "mlflow" | a file store: `mlflow ui --backend-store-uri FOLDER` |

    Others, such as trackio and Aim, take a class of a few lines with the same methods.

    Args:
        tool: the tracker's name in the table, or a function `(folder, project, name, config) ->
            run` with the methods of `keras_ddl.callbacks.trackers.Run`.
        folder: where files are written. Default "runs".
        project: the name of the group of runs (MLflow's experiment). Default "keras".
        name: the name of the run. Default: the model's name. Members of a population have names
            such as "population-0".
        config: mapping of the hyperparameters to store. For a `Population`, a sequence of K
            mappings, or one that all share.
        histograms: whether to write a histogram of each trainable weight at every epoch
            ("tensorboard" and "wandb" only). Default False.
        figures: optional mapping of names to functions `(model) -> figure`. The matplotlib figures
            are written at every epoch.

    Raises:
        ImportError: when training begins, if the tracker is not installed.
        ValueError: if `tool` is unknown, `config` does not have one mapping for each member, or the
            tracker has no histograms.
    """

    def __init__(
        self,
        tool: str | Callable[..., Run],
        folder: str | Path = "runs",
        project: str = "keras",
        *,
        name: str | None = None,
        config: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        histograms: bool = False,
        figures: Mapping[str, Callable[[keras.Model], Any]] | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.project, self.name = Path(folder), project, name
        self.config = config or {}
        self.histograms, self.figures = histograms, dict(figures or {})
        self._open = adapter(tool) if isinstance(tool, str) else tool
        self._runs: list[Run] = []

    def on_train_begin(self, logs=None) -> None:
        name = self.name or self.model.name
        count = self.model.count if isinstance(self.model, Population) else None
        configs = [self.config] if isinstance(self.config, Mapping) else list(self.config)
        if len(configs) == 1:
            configs *= count or 1
        if len(configs) != (count or 1):
            raise ValueError(
                f"`config` must be a mapping, or one for each of the {count or 1} runs. "
                f"Received: {len(configs)} mappings"
            )
        names = [name] if count is None else [f"{name}-{place}" for place in range(count)]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._runs = [
            self._open(self.folder, self.project, *both)
            for both in zip(names, configs, strict=True)
        ]

    def on_epoch_end(self, epoch, logs=None) -> None:
        model = self.model
        several = isinstance(model, Population)
        source = model.member_logs if several else logs or {}
        values = {name: np.atleast_1d(value) for name, value in source.items()}
        for place, run in enumerate(self._runs):
            run.log(
                {n: float(v[place]) for n, v in values.items() if len(v) == len(self._runs)}, epoch
            )
            member = model.member(place) if several else model
            if self.histograms:
                for variable in member.trainable_variables:
                    run.histogram(variable.path, ops.convert_to_numpy(variable.value), epoch)
            for name, draw in self.figures.items():
                run.figure(name, draw(member), epoch)

    def on_train_end(self, logs=None) -> None:
        for run in self._runs:
            run.close()
        self._runs = []
