"""What callbacks have in common: warnings that are kept, and checks of the model."""

import warnings

import keras

from keras_ddl.graph import leaf_layers


class TrainingWarning(UserWarning):
    """Something about a training run that its owner should know."""


class Monitor(keras.callbacks.Callback):
    """A callback that watches and never changes training.

    `messages` holds its warnings, each as `(epoch, text)`, from 0; `TrainingReport` shows them.
    """

    def __init__(self):
        super().__init__()
        self.messages: list[tuple[int, str]] = []

    def warn(self, epoch, text):
        """Keep a warning, and give it out."""
        text = f"{type(self).__name__}: {text}"
        self.messages.append((epoch, text))
        warnings.warn(f"epoch {epoch + 1}: {text}", TrainingWarning, stacklevel=2)

    def require_built(self):
        """Raise ValueError if the model has no weights yet."""
        if not self.model.built:
            raise ValueError(
                f"{type(self).__name__}: the model is not built, so its layers are not known yet. "
                "Call it on a batch, or `model.build(input_shape)`, before `fit`. "
                f"Received: model={self.model.name!r}"
            )


def layer_names(model):
    """By identity of a leaf layer, a name that no other leaf layer of the model has."""
    found: dict[int, str] = {}
    used: dict[str, int] = {}
    for layer in leaf_layers(model):
        used[layer.name] = count = used.get(layer.name, 0) + 1
        found[id(layer)] = layer.name if count == 1 else f"{layer.name}_{count}"
    return found
