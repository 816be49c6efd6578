"""Examples that a callback was given: inputs alone, as arrays or in a data set."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np

from keras_ddl._forward import random_states_kept, stateless, whole_batch
from keras_ddl.graph import one_of_zeros


def first_examples(callback, model, data, count=None):
    """The first examples of `data`, or zeros, checked to fit the model.

    Args:
        callback: whose arguments they are, for messages.
        model: built.
        data: as for `batches`; or None: one example of zeros, for a model whose input shapes are
            known.
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
    require_examples(who, data)
    size = len(keras.tree.flatten(data)[0]) if is_arrays(data) else None
    examples = next(batches(data, count or size, count), None)
    if examples is None:
        raise ValueError(f"{who}: `data` must hold at least one example. Received: none")
    try:
        with stateless(model):
            model(whole_batch(model, examples), training=False)
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, data if is_arrays(data) else examples)
        raise ValueError(
            f"{who}: the model cannot run `data`. Give inputs as it takes them, without labels. "
            f"Received: data of shape {shapes}; {error}"
        ) from error
    return examples


def require_examples(who, data):
    """Raise ValueError unless `data` are arrays or a data set that can be read again and again."""
    if not is_arrays(data) and not _is_data_set(data):
        raise ValueError(
            f"{who}: `data` must be inputs as arrays, or a data set that can be gone through again "
            "and again: a tf.data.Dataset, a PyDataset, a data loader. A generator runs out. "
            f"Received: data={data!r}"
        )


def is_arrays(data):
    """Whether it is arrays of inputs, in any structure, rather than a data set of batches."""
    leaves = keras.tree.flatten(data)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def batches(data, batch_size, limit=None):
    """Batches of inputs, as many examples as `limit` says, or all.

    Args:
        data: arrays in any structure; or a data set, whose batches keep their size. Of tuples
            the first part is taken.
        batch_size: for arrays.
        limit: int or None.
    """
    left = np.inf if limit is None else limit
    for whole in _sliced(data, batch_size) if is_arrays(data) else _inputs(data):
        count = len(keras.tree.flatten(whole)[0])
        stop = int(min(count, left))
        yield keras.tree.map_structure(lambda array, stop=stop: np.asarray(array[:stop]), whole)
        left -= count
        if left <= 0:
            return


def _sliced(data, batch_size):
    for start in range(0, len(keras.tree.flatten(data)[0]), batch_size):
        part = slice(start, start + batch_size)
        yield keras.tree.map_structure(lambda array, part=part: array[part], data)


def _is_data_set(data):
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches is not None
    return isinstance(data, Iterable) and not isinstance(data, Iterator | list | tuple | dict | str)


def _inputs(data):
    indexed = isinstance(data, keras.utils.PyDataset)
    with random_states_kept():
        for batch in (data[i] for i in range(data.num_batches)) if indexed else data:
            yield keras.utils.unpack_x_y_sample_weight(batch)[0]
