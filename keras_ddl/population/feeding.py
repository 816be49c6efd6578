"""Turns the data of `fit` into calls: examples on the device, and batches of indices."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ddl.population.examples import Examples, are_indices, as_array, have_own

STREAMED = 32  # batches of examples in one call


class Call(NamedTuple):
    """Batches for one call of a compiled loop.

    Attributes:
        examples: those that the indices refer to.
        indices: int32 array `(steps, batch)`, or `(steps, batch, K)` if members differ.
    """

    examples: Examples
    indices: np.ndarray


class FromArrays:
    """Batches from examples that fit on the device as a whole.

    Args:
        examples: those that the indices refer to.
        rows: integer array `(n,)` or `(n, K)`: the indices of the examples, in their order.
        batch_size: examples in a batch. The last batch of an epoch may be smaller.
        seed: seed for shuffling each epoch. None keeps the order of `rows`.
        steps: batches in an epoch. None: an epoch is one pass over the examples. Otherwise an
            epoch begins where the one before ended, as in Keras.
    """

    def __init__(self, examples, rows, batch_size, seed=None, steps=None):
        self.examples, self.rows, self.batch_size = examples, rows, batch_size
        self.seed = seed
        self.whole = -(-len(rows) // batch_size)
        self.steps = self.whole if steps is None else steps

    def epoch(self, epoch: int, most: int | None = None) -> Iterator[Call]:
        """The calls of an epoch.

        Args:
            epoch: its number, from 0.
            most: steps that one call may hold; None for no limit.
        """
        done, end = epoch * self.steps, (epoch + 1) * self.steps
        while done < end:
            number, first = divmod(done, self.whole)
            last = min(self.whole, first + end - done)
            yield from self._pass(number, first, last, most)
            done += last - first

    def _pass(self, number, first, last, most):
        """Batches `first` to `last` of a pass, whose order depends on the seed and its number."""
        rows = self.rows
        if self.seed is not None:
            rows = rows[np.random.default_rng([self.seed, number]).permutation(len(rows))]
        full = min(len(rows) // self.batch_size, last)
        batches = rows[: full * self.batch_size].reshape(full, self.batch_size, *rows.shape[1:])
        for start in range(first, full, most or max(full, 1)):
            yield Call(self.examples, batches[start : start + (most or full)])
        if full < last:
            yield Call(self.examples, rows[None, full * self.batch_size :])


class FromBatches:
    """Batches from a data set, a generator, or anything else that can be iterated.

    Args:
        batches: iterable of arrays `x`, or tuples `(x, y)` or `(x, y, sample_weight)`.
        model: one member.
        count: number of members.
        held: `Examples` that stay on the device, to which batches of integers refer, or None.
        class_weight: as in Keras.
        steps: batches in an epoch. None: an epoch ends with the data, which then begin anew.
    """

    def __init__(self, batches, model, count, *, held=None, class_weight=None, steps=None):
        self.batches, self.model, self.count = batches, model, count
        self.held, self.class_weight = held, class_weight
        self.steps, self.seed = steps, None
        self._running: Iterator[Any] | None = None

    def skip(self, epochs: int) -> None:
        """Discard the batches of some epochs; a resumed run has already trained on them."""
        for _ in range(epochs * (self.steps or 0)):
            next(self._begun())

    def epoch(self, epoch: int, most: int | None = None) -> Iterator[Call]:
        """The calls of an epoch, as in `FromArrays`."""
        taken = itertools.islice(self._begun(), self.steps)
        seen = 0
        for call, steps in self._calls(taken, most):
            seen += steps
            yield call
        if self.steps is None:
            self.steps, self._running = seen or None, None
            end = getattr(self.batches, "on_epoch_end", None)
            if end is not None:
                end()
        if not seen:
            raise ValueError("The data must yield at least one batch in each epoch. Received: none")

    def _begun(self) -> Iterator[Any]:
        if self._running is None:
            one_by_one = isinstance(self.batches, keras.utils.PyDataset)
            self._running = _items(self.batches) if one_by_one else iter(self.batches)
        return self._running

    def _calls(self, batches, most):
        waiting: list[Examples | np.ndarray] = []
        for batch in map(self._read, batches):
            limit = most or (10**9 if isinstance(batch, np.ndarray) else STREAMED)
            if waiting and (_form(waiting[0]) != _form(batch) or len(waiting) >= limit):
                yield self._call(waiting), len(waiting)
                waiting = []
            waiting.append(batch)
        if waiting:
            yield self._call(waiting), len(waiting)

    def _read(self, batch):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        if self.held is not None and are_indices(x):
            return checked_indices(as_array(keras.tree.flatten(x)[0]), self.count)
        x, y, weight = (_arrays(part) for part in (x, y, weight))
        if self.class_weight is not None:
            weight = weights_of_classes(y, self.class_weight)
        return Examples(x, y, weight, own=have_own(x, self.model, self.count))

    def _call(self, batches):
        if isinstance(batches[0], np.ndarray):
            return Call(self.held, np.stack(batches))
        first, size = batches[0], len(batches[0])
        columns = zip(*(batch.leaves for batch in batches), strict=True)
        leaves = [np.concatenate(column) for column in columns]
        rows = np.arange(len(batches) * size, dtype="int32").reshape(len(batches), size)
        return Call(Examples(*first.pack(leaves), own=first.own), rows)


def checked_indices(indices: np.ndarray, count: int) -> np.ndarray:
    """Indices as int32.

    Raises:
        ValueError: unless they have the shape `(batch,)` or `(batch, count)`.
    """
    if indices.ndim > 2 or (indices.ndim == 2 and indices.shape[1] != count):
        raise ValueError(
            f"Indices into `data` must have the shape (batch,) or (batch, {count}). "
            f"Received: indices of shape {indices.shape}"
        )
    return indices.astype("int32")


def weights_of_classes(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """The sample weight of each target that Keras derives from `class_weight`."""
    leaves = keras.tree.flatten(y)
    if len(leaves) != 1:
        raise ValueError(
            f"`class_weight` needs a model of one output. Received: {len(leaves)} targets"
        )
    y = leaves[0]
    if y.ndim > 1:
        y = y[..., 0] if y.shape[-1] == 1 else y.argmax(axis=-1)
    classes, places = np.unique(np.round(y).astype("int32"), return_inverse=True)
    weights = np.array([class_weight.get(int(one), 1.0) for one in classes], keras.config.floatx())
    return weights[places].reshape(y.shape)


def are_arrays(x: Any) -> bool:
    """Whether data are arrays or tensors, rather than batches to iterate over."""
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(
        hasattr(leaf, "shape") and hasattr(leaf, "dtype") for leaf in leaves
    )


def _arrays(part):
    return None if part is None else keras.tree.map_structure(as_array, part)


def _items(dataset):
    return (dataset[place] for place in range(dataset.num_batches))


def _form(batch):
    return batch.shape if isinstance(batch, np.ndarray) else (len(batch), batch.form)
