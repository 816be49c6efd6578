"""Makes batches from the arguments of `fit` and `evaluate`."""

from typing import Any

import keras
import numpy as np

from keras_ddl.population.examples import Examples, are_indices, as_array, have_own
from keras_ddl.population.feeding import (
    FromArrays,
    FromBatches,
    are_arrays,
    checked_indices,
    weights_of_classes,
)

Source = FromArrays | FromBatches


def source(
    population,
    x,
    y=None,
    sample_weight=None,
    *,
    batch_size=None,
    seed=None,
    steps=None,
    class_weight=None,
) -> Source:
    """The batches of an epoch.

    Args:
        population: the population that takes the batches.
        x, y, sample_weight, batch_size, steps, class_weight: as in Keras' `fit`.
        seed: seed for shuffling arrays. None keeps their order.
    """
    if class_weight is not None and sample_weight is not None:
        raise ValueError(
            "You cannot `class_weight` and `sample_weight` at the same time. Received: both"
        )
    model, count, held = population.models[0], population.count, population.held
    if x is None or not (are_arrays(x) or hasattr(x, "__iter__") or hasattr(x, "num_batches")):
        raise ValueError(
            "`x` must be arrays, a data set, or an iterable of batches. "
            f"Received: x of type {type(x).__name__}"
        )
    if not are_arrays(x):
        return FromBatches(x, model, count, held=held, class_weight=class_weight, steps=steps)
    batch_size = 32 if batch_size is None else batch_size
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(
            f"`batch_size` must be a positive integer. Received: batch_size={batch_size!r}"
        )
    if held is not None and y is None and are_indices(x):
        rows = checked_indices(as_array(keras.tree.flatten(x)[0]), count)
        return FromArrays(held, rows, batch_size, seed, steps)
    x, y, sample_weight = (
        None if part is None else keras.tree.map_structure(as_array, part)
        for part in (x, y, sample_weight)
    )
    if class_weight is not None:
        sample_weight = weights_of_classes(y, class_weight)
    examples = Examples(x, y, sample_weight, own=have_own(x, model, count))
    return FromArrays(examples, np.arange(len(examples), dtype="int32"), batch_size, seed, steps)


def split_off(x: Any, y: Any, sample_weight: Any, share: float) -> tuple[Any, Any]:
    """The last `share` of the examples for validation, as in Keras.

    Returns:
        The rest `(x, y, sample_weight)`, and the validation data.
    """
    if not are_arrays(x):
        raise ValueError(f"`validation_split` needs arrays. Received: x of type {type(x).__name__}")
    parts = [
        None if p is None else keras.tree.map_structure(as_array, p) for p in (x, y, sample_weight)
    ]
    count = len(keras.tree.flatten(parts[0])[0])
    kept = int(count * (1 - share))
    if not 0 < kept < count:
        raise ValueError(
            "`validation_split` must leave examples on both sides. "
            f"Received: validation_split={share} of {count} examples"
        )

    def cut(part, which):
        return None if part is None else keras.tree.map_structure(lambda one: one[which], part)

    head, tail = slice(kept), slice(kept, None)
    return tuple(cut(p, head) for p in parts), tuple(cut(p, tail) for p in parts)
