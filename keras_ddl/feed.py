"""Feeding `fit` on TensorFlow without tf.data's autotuner.

Keras gives `fit` a tf.data pipeline whose autotuner is on. On a CPU two things were measured with
TensorFlow 2.21: a step may then go on in the pipeline's own thread, where matrix products use one
core of several (784-2048-2048-2048-10, batch 128, two cores: 129 ms a step, against 63 ms with the
autotuner off); and the autotuner's thread sleeps longer the longer it has run, and the end of
`fit` waits for it (4 s after 600 steps). Other backends are fed by Keras as they are.
"""

import itertools
from typing import Any

import keras
import numpy as np


def arrays(x, y=None, sample_weight=None, *, batch_size=32, shuffle=True) -> Any:
    """What to give `fit` in place of arrays, as its only data argument, with `shuffle=False`.

    Args:
        x: array, or nested arrays, of examples on the first axis.
        y: their targets, or None.
        sample_weight: their weights, or None.
        batch_size: examples in a batch. The last batch of an epoch may be smaller. Default 32.
        shuffle: whether each epoch has a new order. Default True.

    Returns:
        A `tf.data.Dataset`.
    """
    import tensorflow as tf

    parts = tuple(part for part in (x, y, sample_weight) if part is not None)
    parts = keras.tree.map_structure(tf.convert_to_tensor, parts)
    count = len(keras.tree.flatten(parts)[0])
    indices = tf.data.Dataset.range(count)
    if shuffle:
        indices = indices.shuffle(count)
    dataset = indices.batch(batch_size).map(
        lambda index: keras.tree.map_structure(lambda part: tf.gather(part, index), parts)
    )
    return _without_autotuner(dataset)


def batches(iterator) -> Any:
    """What to give `fit` in place of an iterator over batches of arrays of constant shape.

    Args:
        iterator: yields tuples `(x, y)` or `(x, y, sample_weight)` of NumPy arrays. Or a function
            without arguments that makes a new one at each call: under a `tf.distribute` strategy
            `fit` looks into its data before it trains, and begins anew.

    Returns:
        A `tf.data.Dataset` on TensorFlow; the iterator itself on other backends.

    Raises:
        ValueError: if it yields nothing, on TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        return iterator() if callable(iterator) else iterator
    import tensorflow as tf

    rest = iter(iterator() if callable(iterator) else iterator)
    first = next(rest, None)
    if first is None:
        raise ValueError("`iterator` must yield at least one batch. Received: none")
    whole = itertools.chain([first], rest)
    begin = iterator if callable(iterator) else lambda: whole
    signature = keras.tree.map_structure(
        lambda part: tf.TensorSpec(np.shape(part), np.asarray(part).dtype), first
    )
    return _without_autotuner(tf.data.Dataset.from_generator(begin, output_signature=signature))


def _without_autotuner(dataset):
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)
