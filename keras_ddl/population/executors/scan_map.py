"""JAX: maps one training step over the members' stacked states, in a compiled loop."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from keras_ddl.population.executors import scan
from keras_ddl.population.executors.base import Executor, stacked_outputs


class ScanMap(Executor):
    """Maps the first member's Keras step over the stacked states of all members.

    Members must have the same structure and constants, which `Population` checks.

    Args:
        models: the members, compiled.
        device: the `jax.Device` they train on.
        rates: the members' learning rates if they differ, as numbers or schedules, or None.
    """

    name = "map"

    def __init__(self, models, *, device, rates=None):
        super().__init__(models)
        self.device = device
        self.schedules = rates if any(callable(rate) for rate in rates or ()) else None
        if self.schedules:
            # All members share one step, so their rates are variables that are set before it.
            for model in self.models:
                model.optimizer = numbered(model.optimizer)
        self._state: Any = None
        self._compiled: dict[Any, Any] = {}
        self._predicted_from: tuple[list[Any], Any] = ([], None)

    def forget(self):
        super().forget()
        self.sync()
        self._compiled = {}

    def sync(self, final=False):
        if self._state is not None:
            for place, model in enumerate(self.models):
                scan.write(model, jax.tree.map(lambda leaf, k=place: leaf[k], self._state))
            self._state = None

    def _run(self, kind, call):
        self._predicted_from = [], None
        if self._state is None:
            states = [jax.device_put(scan.read(model), self.device) for model in self.models]
            self._state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        indices, count = scan.padded(call.indices)
        leaves = call.examples.on(self.device, lambda leaf: jax.device_put(leaf, self.device))
        key = kind, call.examples.form
        if key not in self._compiled:
            self._compiled[key] = self._program(kind, call)
        run, names = self._compiled[key]
        self._state, values = run(self._state, leaves, indices, np.int32(count))
        return [dict(zip(names, own, strict=True)) for own in np.asarray(values).tolist()]

    def _program(self, kind, call):
        examples, members = call.examples, len(self.models)
        names: list[str] = []
        step = scan.step_of(kind, self.models[0], names)
        rated = self._rated if kind == "train" and self.schedules else lambda state: state

        def mapped(state, data, rows):
            def one(state, position):
                return step(state, examples.pack(scan.taken(data, rows, position, examples.own)))

            return jax.vmap(one)(rated(state), jnp.arange(members))

        def run(state, data, indices, steps):
            shapes = jax.eval_shape(mapped, state, data, indices[0])[1]
            return jax.lax.fori_loop(
                0,
                steps,
                lambda i, carry: mapped(carry[0], data, indices[i]),
                (state, jnp.zeros(shapes.shape, "float32")),
            )

        return jax.jit(run, donate_argnums=0), names

    def _rated(self, state):
        """Set the learning rate of each member for this step."""
        trained, untrained, optimizer, metrics = state
        own = self.models[0].optimizer
        rate, iterations = (
            next(i for i, v in enumerate(own.variables) if v is wanted)
            for wanted in (own.learning_rate, own.iterations)
        )
        rates = [
            schedule(optimizer[iterations][k]) if callable(schedule) else schedule
            for k, schedule in enumerate(self.schedules or ())
        ]
        optimizer = list(optimizer)
        optimizer[rate] = jnp.stack([jnp.asarray(one, optimizer[rate].dtype) for one in rates])
        return trained, untrained, optimizer, metrics

    def _stacked(self, states):
        """Stack the states, or reuse those of the last call if no variable has changed."""
        leaves = jax.tree.leaves(states)
        before, stacked = self._predicted_from
        if len(before) != len(leaves) or any(
            a is not b for a, b in zip(before, leaves, strict=True)
        ):
            placed = jax.device_put(states, self.device)
            stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *placed)
            self._predicted_from = leaves, stacked
        return stacked

    def predict(self, call):
        self.sync()
        key = "predict", call.examples.form
        if key not in self._compiled:
            model, members = self.models[0], len(self.models)

            def run(state, data, rows):
                def one(state, position):
                    own = scan.taken(data, rows, position, call.examples.own)
                    return model.predict_step(state, call.examples.pack(own))[0]

                return jax.vmap(one)(state, jnp.arange(members))

            self._compiled[key] = jax.jit(run)
        state = self._stacked([scan.read(model)[:2] for model in self.models])
        leaves = call.examples.on(self.device, lambda leaf: jax.device_put(leaf, self.device))
        parts = [
            jax.tree.map(np.asarray, self._compiled[key](state, leaves, rows))
            for rows in call.indices
        ]
        return [
            stacked_outputs([jax.tree.map(lambda leaf, k=place: leaf[k], part) for part in parts])
            for place in range(len(self.models))
        ]


def suits(models: list[keras.Model]) -> bool:
    """Whether a mapped step is fast: dense layers only.

    Mapped convolutions become grouped convolutions, and mapped recurrent layers small products,
    which are slow.
    """
    layers = [layer for model in models for layer in model._flatten_layers()]
    if any(isinstance(layer, keras.layers.RNN) for layer in layers):
        return False
    return all(len(weight.shape) <= 2 for model in models for weight in model.trainable_variables)


def numbered(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Make a new optimizer with the same configuration whose learning rate is a variable."""
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 0.0})
