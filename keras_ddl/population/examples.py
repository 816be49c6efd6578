"""Examples as a population takes them: shared, the members' own, or held on the device."""

import keras
import numpy as np
from keras import ops


class HeldExamples(keras.layers.Layer):
    """Examples and targets that stay on the device; batches are indices into them.

    They are variables, which JAX hands to a compiled step as they are, but no weights: they are
    not saved.

    Args:
        x: floating-point array, so that indices are told from examples by their type.
        y: targets, as many.
    """

    def __init__(self, x, y):
        super().__init__(name="held_examples")
        x, y = np.asarray(x), np.asarray(y)
        if not np.issubdtype(x.dtype, np.floating) or len(x) != len(y):
            raise ValueError(
                "`data` must be a pair (x, y) of arrays of one length, x of floating-point "
                f"numbers. Received: x of shape {x.shape} and type {x.dtype}, y of shape {y.shape}"
            )
        self.x, self.y = (
            self.add_weight(
                shape=part.shape,
                initializer=lambda shape, dtype=None, part=part: ops.convert_to_tensor(part, dtype),
                dtype=keras.backend.standardize_dtype(kind),
                trainable=False,
                autocast=False,
                name=name,
            )
            for name, part, kind in (("x", x, keras.config.floatx()), ("y", y, _plain(y.dtype)))
        )
        self.built = True

    def taken(self, indices, values, count):
        """The examples and targets of a batch.

        Args:
            indices: `(batch,)`, shared, or `(batch, count)`.
            values: of variables by their identity, `x` and `y` among them.
            count: number of members.
        """
        (indices,) = keras.tree.flatten(indices)
        if len(indices.shape) > 2 or (len(indices.shape) == 2 and indices.shape[1] != count):
            raise ValueError(
                f"Indices into `data` must have the shape (batch,) or (batch, {count}). "
                f"Received: indices of shape {tuple(indices.shape)}"
            )
        return tuple(ops.take(values[id(part)], indices, axis=0) for part in (self.x, self.y))

    def save_own_variables(self, store):
        """Nothing: a loaded population is given its data anew."""

    def load_own_variables(self, store):
        """Nothing was saved."""


def are_indices(x):
    """Whether a batch is one tensor of integers."""
    leaves = keras.tree.flatten(x)
    return len(leaves) == 1 and "int" in keras.backend.standardize_dtype(leaves[0].dtype)


def have_own(inputs, expected, count):
    """Whether a batch holds examples of its own for each member.

    Args:
        inputs: nested tensors, `(batch, ...)` or `(batch, count, ...)`.
        expected: the symbolic inputs of one member, or None if it has none.
        count: number of members.

    Raises:
        ValueError: if the second axis is not the members', or the ranks are not known.
    """
    leaves = keras.tree.flatten(inputs)
    if not expected or len(expected) != len(leaves):
        return False
    if any(getattr(leaf.shape, "rank", 0) is None for leaf in leaves):
        raise ValueError(
            "The members of a population were given batches that they share and batches of their "
            "own in one compiled function, whose inputs then have no known rank. Give either all "
            "data as (batch, ...) or all as (batch, K, ...), or compile again between the two."
        )
    own = {
        len(leaf.shape) == len(tensor.shape) + 1
        for leaf, tensor in zip(leaves, expected, strict=True)
    }
    if own == {True} and any(leaf.shape[1] != count for leaf in leaves):
        raise ValueError(
            f"A batch for each member must have the shape (batch, {count}, ...). "
            f"Received: inputs of shape {[tuple(leaf.shape) for leaf in leaves]}"
        )
    return own == {True}


def members_first(tensors):
    """From `(batch, K, ...)` to `(K, batch, ...)`."""
    if tensors is None:
        return None
    return keras.tree.map_structure(lambda tensor: ops.moveaxis(tensor, 1, 0), tensors)


def _plain(dtype):
    """Integers as int32, which every backend takes."""
    return "int32" if np.issubdtype(dtype, np.integer) else keras.config.floatx()
