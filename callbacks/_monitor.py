"""The base of callbacks that watch training, and the warnings that they keep."""

import warnings

import keras

NOT_MEASURED = (
    "the model's optimizer was not asked for an update in this epoch, so nothing was measured. A "
    "`train_step` of the model's own must call `self.optimizer.apply`."
)


class TrainingWarning(UserWarning):
    """A callback noticed a problem in a training run."""


class Monitor(keras.callbacks.Callback):
    """A callback that watches and never changes training.

    `messages` holds its warnings, each as `(epoch, text)`, from 0; `TrainingReport` shows them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[int, str]] = []

    def warn(self, epoch: int, text: str) -> None:
        """Keep a warning, and issue it.

        Args:
            epoch: the epoch that it concerns, from 0.
            text: the message, without the callback's name.
        """
        text = f"{type(self).__name__}: {text}"
        self.messages.append((epoch, text))
        warnings.warn(f"epoch {epoch + 1}: {text}", TrainingWarning, stacklevel=2)

    def require_built(self) -> None:
        """Raise ValueError if the model has no weights yet."""
        if not self.model.built:
            raise ValueError(
                f"{type(self).__name__}: the model is not built, so its layers are not known yet. "
                "Call it on a batch, or `model.build(input_shape)`, before `fit`. "
                f"Received: model={self.model.name!r}"
            )
