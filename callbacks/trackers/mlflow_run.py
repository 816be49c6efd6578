"""Runs of MLflow, in a folder of files."""

import os
from pathlib import Path

from keras_ddl.callbacks._optional import optional


class MlflowRun:
    """A run in the folder's store. MLflow has no histograms; figures are artifacts.

    The client's functions name the run, so several runs can be open.
    """

    def __init__(self, folder, project, name, config) -> None:
        client = optional("mlflow.tracking", "RunTracker").MlflowClient
        # MLflow 3 asks for this before it writes files: they are no longer its default.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        store = Path(folder).absolute()
        store.mkdir(parents=True, exist_ok=True)
        self._client = client(tracking_uri=store.as_uri())
        found = self._client.get_experiment_by_name(project)
        experiment = found.experiment_id if found else self._client.create_experiment(project)
        self._id = self._client.create_run(experiment, run_name=name).info.run_id
        for key, value in config.items():
            self._client.log_param(self._id, key, value)

    def log(self, values, step) -> None:
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=step)

    def histogram(self, name, values, step) -> None:
        raise ValueError("MLflow has no histograms. Received: histograms=True, tool='mlflow'")

    def figure(self, name, figure, step) -> None:
        self._client.log_figure(self._id, figure, f"{name}/{step}.png")

    def close(self) -> None:
        self._client.set_terminated(self._id)
