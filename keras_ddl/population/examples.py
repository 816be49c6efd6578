"""The examples from which a compiled loop takes its batches."""

from typing import Any

import keras
import numpy as np
from keras import ops

NOTHING = -1  # the position of an argument that is None


class Examples:
    """Inputs, targets and sample weights, the examples on the first axis of every array.

    A compiled loop receives all examples and batches of indices; each step gathers its rows.

    Args:
        x: nested arrays of inputs.
        y: nested arrays of targets, or None.
        sample_weight: nested arrays, or None.
        own: whether each member has separate examples, along the second axis.
    """

    def __init__(self, x, y=None, sample_weight=None, *, own=False):
        parts = (x, y, sample_weight)
        self.leaves = [as_array(leaf) for leaf in keras.tree.flatten(parts) if leaf is not None]
        places = iter(range(len(self.leaves)))
        self.structure = keras.tree.map_structure(
            lambda leaf: NOTHING if leaf is None else next(places), parts
        )
        self.own = own
        self.copies: dict[Any, list[Any]] = {}
        counts = {len(leaf) for leaf in self.leaves}
        if len(counts) != 1:
            raise ValueError(
                "Inputs, targets and sample weights must hold the same number of examples. "
                f"Received: {sorted(counts)}"
            )

    def __len__(self) -> int:
        return len(self.leaves[0])

    @property
    def form(self) -> Any:
        """What a compiled program depends on, except for the number of examples."""
        shapes = tuple((leaf.shape[1:], str(leaf.dtype)) for leaf in self.leaves)
        return str(self.structure), shapes, self.own

    def pack(self, leaves: list[Any]) -> Any:
        """Nested inputs, targets and sample weights of `leaves`, as Keras' steps take them."""
        return keras.tree.map_structure(
            lambda place: None if place == NOTHING else leaves[place], self.structure
        )

    def on(self, device: Any, put: Any) -> list[Any]:
        """The leaves on a device; they are copied at the first call only.

        Args:
            device: anything hashable.
            put: `put(array)` gives the array on the device.
        """
        if device not in self.copies:
            self.copies[device] = [put(leaf) for leaf in self.leaves]
        return self.copies[device]

    def sample(self, member: int, count: int = 1) -> Any:
        """The first examples of one member as tensors, to build losses and metrics with."""
        leaves = [leaf[:count, member] if self.own else leaf[:count] for leaf in self.leaves]
        return self.pack([ops.convert_to_tensor(leaf) for leaf in leaves])


def held(data: Any) -> Examples:
    """Make `Examples` that stay on the device from a pair `(x, y)`.

    Raises:
        ValueError: if the lengths differ, or if `x` holds integers, which could be indices.
    """
    x, y = map(np.asarray, data)
    if not np.issubdtype(x.dtype, np.floating) or len(x) != len(y):
        raise ValueError(
            "`data` must be a pair (x, y) of arrays of one length, x of floating-point numbers. "
            f"Received: x of shape {x.shape} and type {x.dtype}, y of shape {y.shape}"
        )
    return Examples(x, y)


def are_indices(x: Any) -> bool:
    """Whether a batch is one array of integers."""
    leaves = keras.tree.flatten(x)
    return len(leaves) == 1 and np.issubdtype(as_array(leaves[0]).dtype, np.integer)


def have_own(x: Any, model: keras.Model, count: int) -> bool:
    """Whether inputs have the shape `(batch, count, ...)`, with separate examples for each member.

    Args:
        x: nested arrays.
        model: one member.
        count: number of members.

    Raises:
        ValueError: if the second axis does not count the members.
    """
    leaves, expected = keras.tree.flatten(x), getattr(model, "inputs", None)
    if not expected or len(expected) != len(leaves):
        return False
    pairs = zip(leaves, expected, strict=True)
    if not all(len(leaf.shape) == len(tensor.shape) + 1 for leaf, tensor in pairs):
        return False
    if any(leaf.shape[1] != count for leaf in leaves):
        raise ValueError(
            f"A batch for each member must have the shape (batch, {count}, ...). "
            f"Received: inputs of shape {[tuple(leaf.shape) for leaf in leaves]}"
        )
    return True


def as_array(leaf: Any) -> np.ndarray:
    """Convert data to a NumPy array, and floating-point numbers to `keras.config.floatx()`."""
    if not isinstance(leaf, np.ndarray):
        leaf = ops.convert_to_numpy(leaf) if ops.is_tensor(leaf) else np.asarray(leaf)
    if np.issubdtype(leaf.dtype, np.floating):
        return leaf.astype(keras.config.floatx(), copy=False)
    if leaf.dtype == np.int64 and keras.backend.backend() == "jax":
        return leaf.astype("int32")
    return leaf
