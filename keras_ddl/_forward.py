"""Forward passes that change neither the model nor any random state."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl._backend import no_gradients, random_state_kept


@contextlib.contextmanager
def stateless(model, keep=()) -> Iterator[None]:
    """A context in which running the model does not change it.

    Keras records the assignments of layers without carrying them out. This covers moving
    statistics, seed generators, recurrent states and weights. Random states outside Keras are
    restored at the end. Gradients are not recorded.

    ```python
    with stateless(model):
        model(whole_batch(model, x), training=False)
    ```

    The block must call the model directly. `predict`, `evaluate` and `fit` run compiled functions,
    which this context does not cover: use a `Snapshot` for these.

    Args:
        model: a built model.
        keep: variables that keep their new values if the block ends without an exception.
    """
    # In a compiled step on JAX, only the outer stateless scope has the variables' current values,
    # so the new scope receives them explicitly.
    scope = keras.StatelessScope([(variable, variable.value) for variable in model.variables])
    with random_states_kept(), no_gradients(), scope:
        yield
    for variable in keep:
        variable.assign(scope.get_current_value(variable))


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore the random states of Python, NumPy and PyTorch when the block ends.

    Data loaders, data sets and some layers draw random numbers from these states. Keras layers use
    no global random state of TensorFlow or JAX.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with random_state_kept():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


class Snapshot:
    """A copy of a model's state, which can be restored after steps that change it.

    It covers weights, moving statistics, seed generators, recurrent states, Keras' global seed
    generator and, with `optimizer`, the optimizer's variables.

    Args:
        model: a built model.
        optimizer: an optional, built optimizer.
    """

    def __init__(self, model, optimizer=None) -> None:
        variables = [*model.variables, *_recurrent_states(model), _global_seed()]
        variables += [] if optimizer is None else optimizer.variables
        # Copy the values: a compiled step on JAX deletes its input arrays.
        self._kept = [(variable, ops.copy(variable.value)) for variable in variables]

    def restore(self) -> None:
        """Assign the saved values to the variables. It may be called several times."""
        for variable, value in self._kept:
            variable.assign(ops.copy(value))


def batch_size(model) -> int | None:
    """The batch size that a model requires, or None if it accepts any.

    A stateful recurrent layer fixes the batch size, and so does an input of a functional model
    that was defined with a `batch_shape`. The inputs of a Sequential are ignored: after a first
    call, Keras stores the size of that batch in them, although the model accepts other sizes.
    """
    layers = model._flatten_layers()  # `Model.layers` is public, but lists only direct children
    sizes = [state.shape[0] for state in _recurrent_states(model)]
    sizes += [
        tensor.shape[0]
        for layer in layers
        if isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential)
        for tensor in getattr(layer, "inputs", None) or ()
    ]
    return next((size for size in sizes if size is not None), None)


def whole_batch(model, x) -> Any:
    """The first batch of `x` in the size that the model requires; all of `x` if it accepts any.

    Args:
        model: a built model.
        x: arrays or tensors in any structure, examples on the first axis. If there are too few,
            they are repeated.
    """
    size = batch_size(model)
    return x if size is None else _examples(x, 0, size)


def whole_batches(model, x) -> Iterator[Any]:
    """All examples of `x`, in batches of the size that the model requires; one if it accepts any.

    Args:
        model: a built model.
        x: as for `whole_batch`. The last batch is filled up with examples from the start of `x`.

    Yields:
        Batches in the structure of `x`.
    """
    size, count = batch_size(model), _count(x)
    if size is None:
        yield x
        return
    for start in range(0, count, size):
        yield _examples(x, start, size)


def _count(x):
    return len(keras.tree.flatten(x)[0])


def _examples(x, start, size):
    count = _count(x)
    if start == 0 and count == size:
        return x
    if start + size <= count:
        return keras.tree.map_structure(lambda array: array[start : start + size], x)
    rows = (start + np.arange(size)) % count

    def repeated(array):
        return array[rows] if isinstance(array, np.ndarray) else ops.take(array, rows, axis=0)

    return keras.tree.map_structure(repeated, x)


def _recurrent_states(model):
    """The states of stateful recurrent layers, which `model.variables` does not contain."""
    return [
        state
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for state in keras.tree.flatten(layer.states)
        if isinstance(state, keras.Variable)
    ]


def _global_seed():
    """The state variable of Keras' global seed generator, used by random ops without a seed."""
    assigned = []

    class Recorder(keras.StatelessScope):
        def add_update(self, update) -> None:
            assigned.append(update[0])
            super().add_update(update)

    with random_states_kept(), Recorder():
        keras.random.uniform(())
    return assigned[-1]
