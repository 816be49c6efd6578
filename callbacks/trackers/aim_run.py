"""Runs of Aim, in a local repository."""

from keras_ddl.callbacks._optional import optional


class AimRun:
    """A run in the folder's Aim repository."""

    def __init__(self, folder, project, name, config) -> None:
        self._aim = optional("aim", "RunTracker")
        self._run = self._aim.Run(
            repo=str(folder),
            experiment=project,
            log_system_params=False,
            capture_terminal_logs=False,
        )
        self._run.name = name
        self._run["hparams"] = dict(config)

    def log(self, values, step) -> None:
        for name, value in values.items():
            self._run.track(value, name=name, step=step)

    def histogram(self, name, values, step) -> None:
        self._run.track(self._aim.Distribution(values), name=name, step=step)

    def figure(self, name, figure, step) -> None:
        self._run.track(self._aim.Image(figure), name=name, step=step)

    def close(self) -> None:
        self._run.close()
