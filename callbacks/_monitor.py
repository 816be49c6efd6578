"""The base class of callbacks that monitor training, and their warnings."""

import warnings

import keras

NOT_MEASURED = (
    "the model's optimizer was not asked for an update in this epoch, so nothing was measured. A "
    "custom `train_step` must call `self.optimizer.apply`."
)


class TrainingWarning(UserWarning):
    """The warning that a callback issues if it detects a problem in a training run."""


class Monitor(keras.callbacks.Callback):
    """A callback that measures training without changing it.

    `messages` lists its warnings as pairs `(epoch, text)`, with epochs counted from 0.
    `TrainingReport` shows them, and marks them in the charts of the quantities `warns_of`; in all
    charts if this is empty.
    """

    warns_of: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[int, str]] = []
        self._warned: set[str] = set()

    def warn(self, epoch: int, text: str) -> None:
        """Issue a warning and store it in `messages`.

        Args:
            epoch: the epoch that the warning concerns, counted from 0.
            text: the message, without the callback's name.
        """
        text = f"{type(self).__name__}: {text}"
        self.messages.append((epoch, text))
        warnings.warn(f"epoch {epoch + 1}: {text}", TrainingWarning, stacklevel=2)

    def warn_once(self, epoch: int, cause: str, text: str) -> None:
        """Issue a warning unless one with the same `cause` was issued before."""
        if cause not in self._warned:
            self._warned.add(cause)
            self.warn(epoch, text)

    def require_built(self) -> None:
        """Raise ValueError if the model has no weights yet."""
        if not self.model.built:
            raise ValueError(
                f"{type(self).__name__}: the model is not built, so its layers are not known yet. "
                "Call it on a batch, or `model.build(input_shape)`, before `fit`. "
                f"Received: model={self.model.name!r}"
            )
