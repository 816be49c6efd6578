"""Forward passes that leave a model, and every random stream, as they were."""

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
    """Within the block nothing that runs changes the model.

    Keras records what layers assign instead of carrying it out: moving statistics, seed
    generators, recurrent states, and weights too. Random states outside Keras are put back.
    Gradients are not recorded.

    ```python
    with stateless(model):
        model(whole_batch(model, x), training=False)
    ```

    The block must call the model itself. `predict`, `evaluate` and `fit` run compiled functions;
    use a `Snapshot` for these.

    Args:
        model: built.
        keep: variables whose last value is assigned for good when the block ends without an
            exception.
    """
    # Within a compiled step on JAX only the outer scope knows the values, so they are handed on.
    scope = keras.StatelessScope([(variable, variable.value) for variable in model.variables])
    with random_states_kept(), no_gradients(), scope:
        yield
    for variable in keep:
        variable.assign(scope.get_current_value(variable))


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore the random states of Python, NumPy and PyTorch when the block ends.

    Data loaders and data sets draw from them, and so may layers. TensorFlow and JAX have no such
    state that Keras layers draw from.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with random_state_kept():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


class Snapshot:
    """The state of a model, to be restored after steps that change it.

    Kept are weights, moving statistics, seed generators, recurrent states, Keras' global seed
    generator and, if given, the optimizer's variables.

    Args:
        model: built.
        optimizer: optional, built.
    """

    def __init__(self, model, optimizer=None):
        variables = [*model.variables, *_recurrent_states(model), _global_seed()]
        variables += [] if optimizer is None else optimizer.variables
        # Copies: a compiled step on JAX deletes the arrays that it was given.
        self._kept = [(variable, ops.copy(variable.value)) for variable in variables]

    def restore(self) -> None:
        """Assign the kept values. May be called several times."""
        for variable, value in self._kept:
            variable.assign(ops.copy(value))


def batch_size(model) -> int | None:
    """The batch size that a model demands, or None if it takes any.

    Stateful recurrent layers demand one, and so do inputs of a functional model with a
    `batch_shape`. Those of a Sequential do not: if it is built by its first call, Keras notes the
    size of that batch, though the model takes any other.
    """
    layers = model._flatten_layers()  # Keras makes only a model's sublayers public
    sizes = [state.shape[0] for state in _recurrent_states(model)]
    sizes += [
        tensor.shape[0]
        for layer in layers
        if isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential)
        for tensor in getattr(layer, "inputs", None) or ()
    ]
    return next((size for size in sizes if size is not None), None)


def whole_batch(model, x) -> Any:
    """The first examples of `x`, as many as the model demands; all if it takes any number.

    Args:
        model: built.
        x: arrays or tensors in any structure, examples on the first axis. If there are too few,
            they are repeated.
    """
    size = batch_size(model)
    return x if size is None else _examples(x, 0, size)


def whole_batches(model, x) -> Iterator[Any]:
    """All examples of `x`, in parts of the size that the model demands; one part if it takes any.

    Args:
        model: built.
        x: as for `whole_batch`. The last part is filled up with examples repeated from the start.

    Yields:
        Parts of `x`, in its structure.
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
    """The states of stateful recurrent layers. Keras does not count them as variables."""
    return [
        state
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for state in keras.tree.flatten(layer.states)
        if isinstance(state, keras.Variable)
    ]


def _global_seed():
    """The state of the generator that Keras draws from if no seed is given."""
    assigned = []

    class Recorder(keras.StatelessScope):
        def add_update(self, update):
            assigned.append(update[0])
            super().add_update(update)

    with random_states_kept(), Recorder():
        keras.random.uniform(())
    return assigned[-1]
