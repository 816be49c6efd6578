"""What `Population.fit` hands to Keras' `fit`."""

import inspect

import keras
import numpy as np

from keras_ddl import feed


def fed(
    *,
    x,
    y,
    sample_weight,
    batch_size,
    shuffle,
    class_weight,
    validation_split,
    validation_data,
):
    """Arguments of Keras' `fit` for those given: on TensorFlow without tf.data's autotuner.

    Returns:
        A dict of the same names.
    """
    if validation_split and validation_data is None and _are_arrays(x):
        (x, y, sample_weight), validation_data = _split_off(x, y, sample_weight, validation_split)
        validation_split = 0.0
    if keras.backend.backend() == "tensorflow" and class_weight is None:
        if _are_arrays(x):
            x = feed.arrays(x, y, sample_weight, batch_size=batch_size or 32, shuffle=bool(shuffle))
            y = sample_weight = batch_size = None
        elif inspect.isgenerator(x):
            x = feed.batches(x)
    return {
        "x": x,
        "y": y,
        "sample_weight": sample_weight,
        "batch_size": batch_size,
        # What is no array comes in the order it comes in; pipelines of arrays shuffle themselves.
        "shuffle": shuffle if _are_arrays(x) else False,
        "class_weight": class_weight,
        "validation_split": validation_split,
        "validation_data": validation_data,
    }


def _are_arrays(x):
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(isinstance(leaf, np.ndarray) for leaf in leaves)


def _split_off(x, y, sample_weight, share):
    """The last `share` of the examples for validation, as in Keras."""
    count = len(keras.tree.flatten(x)[0])
    kept = int(count * (1 - share))

    def cut(part, which):
        return None if part is None else keras.tree.map_structure(lambda one: one[which], part)

    head, tail = slice(kept), slice(kept, None)
    held_out = tuple(cut(part, tail) for part in (x, y, sample_weight) if part is not None)
    return tuple(cut(part, head) for part in (x, y, sample_weight)), held_out
