"""Gradient and update norms, measured inside the compiled step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl._backend import on_replica, sum_of_replicas
from keras_ddl._checks import positive_integer
from keras_ddl.optimizers.wrapper import OptimizerWrapper, host_integer


@keras.saving.register_keras_serializable(package="keras_ddl")
class Instrumented(OptimizerWrapper):
    """Watches another optimizer: gradient, update and weight norms of each variable.

    Callbacks of Keras 3 never see gradients; an optimizer does. The measurements stay in variables
    on the device until `measurements` reads them: nothing is fetched in a step, and training is the
    same as without. `keras_ddl.callbacks.GradientStats` attaches it to a model for the time of a
    `fit` and takes it off afterwards.

    Norms read every weight twice and would cost some percent of a step of a large dense network,
    so they are measured at one update in `every`. For vectors (biases, scales, offsets) it is also
    recorded, at every step, whether an entry ever had a gradient other than zero: a ReLU unit that
    never fires has none.

    ```python
    optimizer = Instrumented(keras.optimizers.Adam(1e-3))
    model.compile(optimizer, "mse")
    model.fit(x, y)
    for found in optimizer.measurements():
        print(found["variable"].path, found["gradient"], found["update"] / found["weight"])
    ```

    Gradients are measured as they arrive, averaged over the batch and before clipping. Under mixed
    precision it stands inside the `LossScaleOptimizer`, so that they are unscaled: compile does so
    by itself. With gradient accumulation they are those of single batches, and an update is
    counted only where one happens.

    Under `tf.distribute` gradients are those of all replicas together, and a bias entry moved if it
    did on some replica.

    Args:
        optimizer: the optimizer to watch, or what `keras.optimizers.get` makes one of.
        every: int > 0, norms are measured at updates 0, `every`, 2 `every` ... since `reset`.
            Default 16.
        name: optional string.

    Attributes:
        measures: None (default): the compiled step itself decides when to measure. On JAX that
            costs a large dense network a fifth of a step or more, because a branch in the step
            keeps weights from being updated in place; under `tf.distribute`, which allows no
            updates within a branch, norms are taken at every step. A boolean is read when a step
            is traced: the callbacks compile two steps there, one that measures and one that does
            not, and ask `is_due` which one to run.

    Raises:
        ValueError: if `every` is not positive.
    """

    def __init__(self, optimizer, every=16, name=None):
        super().__init__(optimizer, name=name)
        self.every = positive_integer("every", every)
        self.measures = None
        self._batches = 0
        self._passed: set[int] = set()  # places of the variables that `apply` received

    def build(self, variables) -> None:
        super().build(variables)
        self._sizes = [v.shape[0] if len(v.shape) == 1 else 0 for v in variables]
        count = len(variables)
        same = {"aggregation": "only_first_replica"}  # all replicas assign the same values
        self._first = self.add_variable(shape=(), dtype="int", name="first_iteration", **same)
        self._measured = self.add_variable(shape=(), dtype="float32", name="measured", **same)
        self._updated = self.add_variable(shape=(), dtype="float32", name="updated", **same)
        # Rows: gradient, update and weight norms, summed over the measured steps.
        self._norms = self.add_variable(shape=(3, count), dtype="float32", name="norms", **same)
        self._moved = self.add_variable(
            shape=(sum(self._sizes),), dtype="bool", name="moved", **same
        )

    def reset(self) -> None:
        """Forget all measurements, as at the beginning of an epoch. Not for a compiled step."""
        self._batches = 0
        if self.built:
            self._first.assign(host_integer(self.optimizer.iterations))
            for variable in (self._measured, self._updated, self._norms, self._moved):
                variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def is_due(self, batches=1) -> bool:
        """Whether the next batches since `reset`, so many in a call of the step, are measured."""
        update = self._batches // (self.optimizer.gradient_accumulation_steps or 1)
        self._batches += batches
        return update % self.every < batches

    @property
    def asked(self) -> bool:
        """Whether `apply` ran since `reset`. A model's own `train_step` may never call it."""
        return self.measured > 0 or (
            self.built and host_integer(self.optimizer.iterations) > host_integer(self._first)
        )

    @property
    def measured(self) -> int:
        """How many updates were measured since `reset`."""
        return host_integer(self._measured.value) if self.built else 0

    def measurements(self) -> list[dict[str, Any]]:
        """The measurements since `reset`, one dictionary for each variable it was built with.

        Returns:
            List of dictionaries: "variable"; "gradient", "update" and "weight", L2 norms averaged
            over the measured steps (NaN where there were none); and for a vector "moved", a
            boolean array: whether the entry had a gradient other than zero at some step. "passed":
            whether the variable was ever among those that `apply` received.
        """
        if not self.built:
            return []
        sums = ops.convert_to_numpy(self._norms.value)
        moved = ops.convert_to_numpy(self._moved.value)
        # As arrays: 0 / 0 is then the NaN that "nothing was measured" asks for.
        measured = np.asarray(ops.convert_to_numpy(self._measured.value))
        updated = np.asarray(ops.convert_to_numpy(self._updated.value))
        with np.errstate(invalid="ignore"):
            gradient, update, weight = sums / np.array([[measured], [updated], [measured]])
        found = []
        ends = np.cumsum(self._sizes)
        for i, size in enumerate(self._sizes):
            norms = {
                "variable": self._trainable_variables[i],
                "gradient": float(gradient[i]),
                "update": float(update[i]),
                "weight": float(weight[i]),
                "passed": i in self._passed,
            }
            found.append(norms | ({"moved": moved[ends[i] - size : ends[i]]} if size else {}))
        return found

    def apply(self, grads, trainable_variables=None) -> Any:
        grads = list(grads)
        if not self.built:
            self.build(list(trainable_variables))
        variables = (
            self._trainable_variables if trainable_variables is None else trainable_variables
        )
        pairs = {self._get_variable_index(v): (g, v) for g, v in zip(grads, variables, strict=True)}
        self._passed |= pairs.keys()
        distributed = on_replica()
        self._note_moved(pairs, distributed)

        def plain():
            self.optimizer.apply(grads, trainable_variables)

        def measured():
            before = {i: ops.copy(v) for i, (_, v) in pairs.items()}
            whole = _summed(pairs) if distributed else pairs
            plain()
            self._add(self._norms_of(whole, before), 1.0)

        if self.measures is not None:
            (measured if self.measures else plain)()
            return
        # All batches of one update, where gradients are accumulated.
        since = ops.cast(self.optimizer.iterations, self._first.dtype) - self._first
        due = since % self.every == 0
        if keras.backend.backend() == "jax" or distributed:
            # Branches of JAX's `cond` are pure, and replicas cannot meet in one: only the norms
            # stand in it, or are weighted by 0.
            before = {i: ops.copy(v) for i, (_, v) in pairs.items()}
            whole = _summed(pairs) if distributed else pairs
            plain()
            zeros = lambda: [ops.zeros(self._norms.shape, "float32")]  # noqa: E731
            (norms,) = ops.cond(due, lambda: [self._norms_of(whole, before)], zeros)
            self._add(norms, ops.cast(due, "float32"))
        else:
            # A copy of the weights before the step is made only where it is measured.
            ops.cond(due, measured, plain)

    def _norms_of(self, pairs, before):
        rows: list[list] = [[], [], []]
        for i in range(len(self._sizes)):
            gradient, variable = pairs.get(i, (None, None))
            if gradient is None:
                for row in rows:
                    row.append(ops.zeros((), "float32"))
                continue
            rows[0].append(_norm(gradient))
            rows[1].append(_norm(ops.convert_to_tensor(variable) - before[i]))
            rows[2].append(_norm(before[i]))
        return ops.stack([ops.stack(row) for row in rows])

    def _add(self, norms, count):
        self._norms.assign_add(norms)
        self._measured.assign_add(count)
        # With gradient accumulation most steps change nothing, and are no updates.
        changed = ops.cast(ops.any(norms[1] > 0), "float32")
        self._updated.assign_add(changed)

    def _note_moved(self, pairs, distributed):
        parts = []
        for i, size in enumerate(self._sizes):
            if size:
                gradient = pairs.get(i, (None, None))[0]
                parts.append(
                    ops.zeros((size,), "bool") if gradient is None else _dense(gradient) != 0
                )
        if parts:
            moved = ops.concatenate(parts)
            if distributed:
                moved = sum_of_replicas([ops.cast(moved, "float32")])[0] > 0
            self._moved.assign(ops.logical_or(self._moved, moved))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "every": self.every}


def _summed(pairs):
    """The pairs, with gradients summed over the replicas."""
    places = [i for i, (gradient, _) in pairs.items() if gradient is not None]
    sums = sum_of_replicas([_dense(pairs[i][0]) for i in places])
    whole = {i: (None, variable) for i, (_, variable) in pairs.items()}
    return whole | {i: (total, pairs[i][1]) for i, total in zip(places, sums, strict=True)}


def _dense(gradient):
    """Embedding gradients are sparse on TensorFlow."""
    return ops.convert_to_tensor(gradient, sparse=False)


def _norm(x):
    return ops.sqrt(ops.sum(ops.square(ops.cast(_dense(x), "float32"))))
