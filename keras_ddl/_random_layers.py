"""Layers that draw random numbers in training, and predictions with them active."""

import contextlib
import inspect
from collections.abc import Iterable
from typing import Any

import keras

from keras_ddl._calls import replaced


def random_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers that draw random numbers in training, such as dropout, noise and `DropConnect`.

    Recurrent layers whose cells have dropout are among them, beside their cells. On PyTorch the
    layer itself applies the dropout of some cells.
    """
    return [layer for layer in model._flatten_layers() if _draws_in_training(layer)]


def generators(layer: Any) -> list[keras.random.SeedGenerator]:
    """The seed generators that are attributes of a layer."""
    return [one for one in vars(layer).values() if isinstance(one, keras.random.SeedGenerator)]


def active(layers: Iterable[keras.Layer]) -> contextlib.AbstractContextManager[None]:
    """A block in which these layers run as in training, whatever mode they are called in."""

    def in_training(layer):
        call = layer.call
        return lambda *args, training=None, **kwargs: call(*args, training=True, **kwargs)

    return replaced([(layer, in_training(layer)) for layer in layers])


def _draws_in_training(layer):
    cell = getattr(layer, "cell", None)
    draws = generators(layer) or (cell is not None and generators(cell))
    return bool(draws) and "training" in inspect.signature(layer.call).parameters
