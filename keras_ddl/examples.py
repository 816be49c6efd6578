"""Input examples, as NumPy arrays, from any kind of data that a Keras model accepts."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_ddl._forward import random_states_kept

__all__ = ["batches", "is_arrays", "is_repeatable", "take"]


def take(x, count: int | None, rng: np.random.Generator, name: str = "x") -> Any:
    """The inputs of up to `count` examples.

    Args:
        x: arrays or tensors (a list, tuple or dictionary for several inputs), from which examples
            are drawn at random without replacement. Or a `tf.data.Dataset`,
            `keras.utils.PyDataset`, data loader or generator of batches `x`, `(x, y)` or
            `(x, y, sample_weight)`, from which the first examples are taken.
        count: the number of examples, or None for all of them in their order.
        rng: the random generator that draws examples from arrays.
        name: the name of the argument in error messages.

    Returns:
        NumPy arrays in the structure of `x`, that is, of the model's inputs.

    Raises:
        ValueError: if `x` is of another type, its arrays differ in length, or it has no example.
    """
    if is_arrays(x):
        total = _length(x, name)
        chosen: Any = slice(None)
        if count is not None and total > 0:
            chosen = np.sort(rng.choice(total, min(count, total), replace=False))
        taken = keras.tree.map_structure(lambda array: _numpy(array)[chosen], x)
    else:
        with random_states_kept():  # data loaders draw the order of examples at random
            parts = list(batches(x, limit=count, name=name))
        if not parts:
            raise _no_example(name, x)
        taken = keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    if _length(taken, name) == 0:
        raise _no_example(name, x)
    return taken


def batches(x, batch_size: int = 32, limit: int | None = None, name: str = "x") -> Iterator[Any]:
    """Batches of inputs, up to `limit` examples in total.

    Args:
        x: as for `take`. Arrays are cut into batches, in order. A data set keeps its batches; if
            they are tuples, only the inputs are yielded.
        batch_size: the batch size for arrays. Default 32.
        limit: the number of examples, or None for all. The last batch is shortened if needed.
        name: the name of the argument in error messages.

    Raises:
        ValueError: if `x` is neither arrays nor a source of batches.
    """
    whole = _sliced(x, batch_size, name) if is_arrays(x) else _inputs_of(x, name)
    left = np.inf if limit is None else limit
    while left > 0 and (batch := next(whole, None)) is not None:
        count = _length(batch, name)
        stop = int(min(count, left))
        yield keras.tree.map_structure(lambda array, stop=stop: _numpy(array)[:stop], batch)
        left -= count


def is_arrays(x) -> bool:
    """Whether `x` consists of arrays or tensors, in any structure; False for a data set."""
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def is_repeatable(x) -> bool:
    """Whether `x` is a data set of batches that can be iterated over more than once."""
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches is not None
    return _is_data_set(x) and not isinstance(x, Iterator)


def _is_data_set(x):
    return isinstance(x, Iterable) and not isinstance(x, list | tuple | dict | set | str | bytes)


def _sliced(x, batch_size, name):
    for start in range(0, _length(x, name), batch_size):
        part = slice(start, start + batch_size)
        yield keras.tree.map_structure(lambda array, part=part: array[part], x)


def _inputs_of(x, name):
    """The inputs of each batch of a data set."""
    if isinstance(x, keras.utils.PyDataset):
        numbers = itertools.count() if x.num_batches is None else range(x.num_batches)
        every = (x[number] for number in numbers)
    elif _is_data_set(x):
        every = iter(x)
    else:
        raise _unknown(name, x)
    for batch in every:
        inputs = keras.utils.unpack_x_y_sample_weight(batch)[0]
        if not is_arrays(inputs):
            raise _unknown(name, x, f"a {type(x).__name__} that yields {_described(inputs)}")
        yield inputs


def _length(x, name):
    """The number of examples, which must be the same in all arrays."""
    shapes = [tuple(leaf.shape) for leaf in keras.tree.flatten(x)]
    if any(len(shape) == 0 for shape in shapes) or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(
            f"The arrays of `{name}` must have the same number of examples on their first axis. "
            f"Received: {name} of shapes {shapes}"
        )
    return shapes[0][0]


def _numpy(array):
    """A tensor as a NumPy array. The tensor may belong to another library than the backend."""
    if isinstance(array, np.ndarray):
        return array
    if hasattr(array, "detach"):
        return array.detach().cpu().numpy()
    return array.numpy() if hasattr(array, "numpy") else np.asarray(array)


def _unknown(name, x, received=None):
    return ValueError(
        f"`{name}` must be inputs as arrays or tensors (a list or dictionary of them for several "
        "inputs), or a tf.data.Dataset, PyDataset, data loader or generator of batches. "
        f"Received: {name} is {received or _described(x)}"
    )


def _no_example(name, x):
    received = "no example" if is_arrays(x) else f"a {type(x).__name__} that yields no batch"
    return ValueError(f"`{name}` must hold at least one example. Received: {received}")


def _described(x):
    """A description for messages: a container with the types of its leaves, else the repr."""
    if isinstance(x, list | tuple | dict):
        kinds = sorted({type(leaf).__name__ for leaf in keras.tree.flatten(x)})
        return f"a {type(x).__name__} of {', '.join(kinds) or 'nothing'}"
    return repr(x)
