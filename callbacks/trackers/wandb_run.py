"""Runs of Weights & Biases, written offline."""

from keras_ddl.callbacks._optional import optional


class WandbRun:
    """An offline run. `wandb sync` uploads it."""

    def __init__(self, folder, project, name, config) -> None:
        self._wandb = optional("wandb", "RunTracker")
        # "create_new" leaves other runs of the process open.
        self._run = self._wandb.init(
            project=project,
            name=name,
            config=dict(config),
            dir=str(folder),
            mode="offline",
            reinit="create_new",
        )

    def log(self, values, step) -> None:
        self._run.log(values, step=step)

    def histogram(self, name, values, step) -> None:
        self._run.log({name: self._wandb.Histogram(values)}, step=step)

    def figure(self, name, figure, step) -> None:
        self._run.log({name: self._wandb.Image(figure)}, step=step)

    def close(self) -> None:
        self._run.finish()
