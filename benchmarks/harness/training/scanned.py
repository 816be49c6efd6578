"""Runs several updates of a Keras model in one compiled call on JAX.

On JAX, Keras 3.15 compiles one update and calls it `steps_per_execution` times. On a GPU the update
of a small batch takes less time than the call. Here `jax.lax.scan` runs all updates in one call.
"""

import itertools
from typing import Any

import keras


def scan_updates(model: keras.Model) -> None:
    """Make `fit` of a compiled model run `steps_per_execution` updates in one call.

    Batches must have one shape, and an epoch must be a multiple of `steps_per_execution` updates.
    The logs that callbacks see after a call are those of its last update.
    """
    import jax

    count = model.steps_per_execution

    def update(state: Any, batch: Any) -> tuple[Any, Any]:
        logs, new = model.train_step(state, batch)
        structure = jax.tree.structure(state)  # `scan` requires the same containers as in `state`
        return jax.tree.unflatten(structure, jax.tree.leaves(new)), logs

    def updates(state: Any, *batches: Any) -> tuple[Any, Any]:
        stacked = jax.tree.map(lambda *parts: jax.numpy.stack(parts), *batches)
        state, logs = jax.lax.scan(update, state, stacked)
        return jax.tree.map(lambda values: values[-1], logs), state

    compiled = jax.jit(updates, donate_argnums=0)

    def train_function(state: Any, iterator: Any) -> tuple[Any, Any]:
        return compiled(state, *itertools.islice(iterator, count))

    def make_train_function(force: bool = False) -> None:
        if force or model.train_function is None:
            model.train_function = train_function

    model.make_train_function = make_train_function
