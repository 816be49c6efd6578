"""Input pipelines for `fit` on TensorFlow without tf.data's autotuner.

Keras' `fit` builds a tf.data pipeline with the autotuner switched on. Measurements with TensorFlow
2.21 on a CPU show two costs. First, a training step may run in the pipeline's thread, where matrix
products use only one of several cores (784-2048-2048-2048-10, batch 128, two cores: 129 ms per
step, against 63 ms with the autotuner off). Second, the autotuner's thread sleeps for intervals
that grow over time, and `fit` waits for it at the end (4 s after 600 steps). On other backends this
module changes nothing.
"""

import itertools
from typing import Any

import keras
import numpy as np


def arrays(x, y=None, sample_weight=None, *, batch_size=32, shuffle=True) -> Any:
    """A data set that replaces the arrays passed to `fit`. TensorFlow only.

    Pass it to `fit` as the only data argument, with `shuffle=False`.

    Args:
        x: array, or nested arrays, with examples on the first axis.
        y: the targets, or None.
        sample_weight: the weights of the examples, or None.
        batch_size: examples per batch. The last batch of an epoch may be smaller. Default 32.
        shuffle: whether each epoch has a new random order. Default True.

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
    """A data set that replaces an iterator over batches of constant shape in `fit`.

    Args:
        iterator: an iterator that yields tuples `(x, y)` or `(x, y, sample_weight)` of NumPy
            arrays, or a function without arguments that returns a new iterator at each call. Under
            a `tf.distribute` strategy a function is needed: `fit` inspects the first batch before
            training and then starts again.

    Returns:
        A `tf.data.Dataset` on TensorFlow; an iterator on other backends.

    Raises:
        ValueError: if the iterator yields nothing, on TensorFlow.
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
