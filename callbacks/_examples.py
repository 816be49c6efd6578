"""Examples that a callback was given: inputs alone, as arrays in any structure."""

import keras
import numpy as np

from keras_ddl.graph import _zeros as one_of_zeros


def first_examples(callback, model, data, count=1):
    """The first examples of `data`, or zeros, checked to fit the model.

    Args:
        callback: whose arguments they are, for messages.
        model: built.
        data: arrays, or None: one example of zeros, for a model whose input shapes are known.
        count: how many.

    Raises:
        ValueError: if the model cannot run them, or they are needed and not given.
    """
    who = type(callback).__name__
    if data is None:
        try:
            return one_of_zeros(model)
        except ValueError as error:
            raise ValueError(
                f"{who}: the model's input shapes are not known. Give `data`, a few inputs to "
                f"trace it with. Received: model={model.name!r}, data=None"
            ) from error
    examples = next(batches(data, count))
    try:
        model(examples, training=False)
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, data)
        raise ValueError(
            f"{who}: the model cannot run `data`. Give inputs as it takes them, without labels. "
            f"Received: data of shape {shapes}; {error}"
        ) from error
    return examples


def batches(data, batch_size, limit=None):
    """Batches of arrays in any structure, as many examples as `limit` says, or all."""
    count = len(keras.tree.flatten(data)[0])
    limit = count if limit is None else min(limit, count)
    for start in range(0, limit, batch_size):
        part = slice(start, min(start + batch_size, limit))
        yield keras.tree.map_structure(lambda array, part=part: np.asarray(array[part]), data)
