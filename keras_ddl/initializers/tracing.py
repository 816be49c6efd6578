"""Tracing a model on the user's examples."""

import keras
import numpy as np

from keras_ddl._forward import whole_batch
from keras_ddl.graph import Step, trace


def traced(model, x, count, hook=None) -> list[Step]:
    """The steps of `keras_ddl.graph.trace` on the first `count` examples of `x`.

    Raises:
        ValueError: if the model cannot run them.
    """
    few = keras.tree.map_structure(lambda array: array[:count], x)
    try:
        return trace(model, whole_batch(model, few), hook=hook)
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, x)
        raise ValueError(
            "`model` cannot run `x`. Pass inputs in the structure of the model's inputs, without "
            f"labels. Received: x of shape {shapes}; {error}"
        ) from error
