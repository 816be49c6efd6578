"""A batch of examples from whatever a Keras model is fed."""

import keras
import numpy as np


def take(x, count, rng):
    """The inputs of up to `count` examples, as NumPy arrays in the model's input structure.

    Args:
        x: arrays or tensors (several in a list, tuple or dictionary for several inputs), of which
            examples are drawn at random; or a `tf.data.Dataset`, `keras.utils.PyDataset`, data
            loader or generator of batches `x`, `(x, y)` or `(x, y, sample_weight)`, of which the
            first are taken.
        count: how many examples are wanted.
        rng: `numpy.random.Generator`.

    Raises:
        ValueError: if there is no example.
    """
    if isinstance(x, list | tuple | dict) or hasattr(x, "shape"):
        x = keras.tree.map_structure(keras.ops.convert_to_numpy, x)
        total = len(keras.tree.flatten(x)[0])
        chosen = np.sort(rng.choice(total, min(count, total), replace=False))
        taken = keras.tree.map_structure(lambda array: array[chosen], x)
    else:
        taken = _first(_batches(x), count)
    if taken is None or len(keras.tree.flatten(taken)[0]) == 0:
        raise ValueError("`x` must hold at least one example. Received no example.")
    return taken


def _batches(x):
    if isinstance(x, keras.utils.PyDataset):
        return (x[index] for index in range(x.num_batches))
    return iter(x)


def _first(batches, count):
    parts, have = [], 0
    while have < count and (batch := next(batches, None)) is not None:
        inputs = keras.utils.unpack_x_y_sample_weight(batch)[0]
        parts.append(keras.tree.map_structure(_array, inputs))
        have += len(keras.tree.flatten(parts[-1])[0])
    if not parts:
        return None
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays)[:count], *parts)


def _array(batch):
    """NumPy's view of a batch, which may come from another library than the backend's."""
    return batch.numpy() if hasattr(batch, "numpy") else np.asarray(batch)
