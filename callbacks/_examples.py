"""The first examples of what a callback was given, checked to fit its model."""

import keras
import numpy as np

from keras_ddl import examples
from keras_ddl._forward import stateless, whole_batch
from keras_ddl.graph import one_of_zeros


def first_examples(callback, model, data, count=None):
    """The first examples of `data`, or zeros, checked to fit the model.

    Args:
        callback: whose arguments they are, for messages.
        model: built.
        data: as for `require_examples`; or None: an example of zeros, for a model whose input
            shapes are known.
        count: how many. Default: all of arrays, the first batch of a data set.

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
    arrays = examples.is_arrays(data)
    size = len(keras.tree.flatten(data)[0]) if arrays else 32
    found = next(examples.batches(data, count or size, count, "data"), None)
    if found is None:
        raise ValueError(f"{who}: `data` must hold at least one example. Received: none")
    try:
        with stateless(model):
            model(whole_batch(model, found), training=False)
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, data if arrays else found)
        raise ValueError(
            f"{who}: the model cannot run `data`. Give inputs as it takes them, without labels. "
            f"Received: data of shape {shapes}; {error}"
        ) from error
    return found


def require_examples(who, data):
    """Raise ValueError unless `data` are arrays or a data set that can be read again and again."""
    if not examples.is_arrays(data) and not examples.is_repeatable(data):
        raise ValueError(
            f"{who}: `data` must be inputs as arrays, or a data set that can be gone through again "
            "and again: a tf.data.Dataset, a PyDataset, a data loader. A generator runs out. "
            f"Received: data={data!r}"
        )
