"""Runs of trackio, in its local database."""

from keras_ddl.callbacks._optional import optional


class TrackioRun:
    """A local run. trackio writes to the folder in the environment variable `TRACKIO_DIR`."""

    def __init__(self, folder, project, name, config) -> None:
        self._trackio = optional("trackio", "RunTracker")
        self._run = self._trackio.init(
            project=project, name=name, config=dict(config), resume="never", embed=False
        )

    def log(self, values, step) -> None:
        self._run.log(values, step=step)

    def histogram(self, name, values, step) -> None:
        raise ValueError("trackio has no histograms. Received: histograms=True, tool='trackio'")

    def figure(self, name, figure, step) -> None:
        raise ValueError("trackio has no figures. Received: figures, tool='trackio'")

    def close(self) -> None:
        self._run.finish()
