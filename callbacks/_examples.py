"""The first examples of a callback's data, checked against its model."""

import keras
import numpy as np

from keras_ddl import examples
from keras_ddl._forward import stateless, whole_batch
from keras_ddl.graph import one_of_zeros


def first_examples(callback, model, data, count=None):
    """The first examples of `data`, or zeros, after a check that the model can run them.

    Args:
        callback: the callback, for error messages.
        model: a built model.
        data: as for `require_examples`, or None for one example of zeros, which requires a model
            with known input shapes.
        count: the number of examples. Default: all examples of arrays, or the first batch of a data
            set.

    Raises:
        ValueError: if the model cannot run the examples, or `data` is None and the model's input
            shapes are not known.
    """
    who = type(callback).__name__
    if data is None:
        try:
            return one_of_zeros(model)
        except ValueError as error:
            raise ValueError(
                f"{who}: the model's input shapes are not known. Pass `data`, a few inputs to "
                f"trace the model. Received: model={model.name!r}, data=None"
            ) from error
    arrays = examples.is_arrays(data)
    size = len(keras.tree.flatten(data)[0]) if arrays else 32
    batch = next(examples.batches(data, count or size, count, "data"), None)
    if batch is None:
        raise ValueError(f"{who}: `data` must hold at least one example. Received: none")
    try:
        with stateless(model):
            model(whole_batch(model, batch), training=False)
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, data if arrays else batch)
        raise ValueError(
            f"{who}: the model cannot run `data`. Pass inputs in the structure of the model's "
            f"inputs, without labels. Received: data of shape {shapes}; {error}"
        ) from error
    return batch


def require_examples(who, data):
    """Raise ValueError unless `data` are arrays or a data set that can be iterated repeatedly."""
    if not examples.is_arrays(data) and not examples.is_repeatable(data):
        raise ValueError(
            f"{who}: `data` must be inputs as arrays, or a data set that can be iterated more than "
            "once: a tf.data.Dataset, a PyDataset or a data loader, but not a generator. "
            f"Received: data={data!r}"
        )
