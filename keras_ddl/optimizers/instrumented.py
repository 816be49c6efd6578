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
    """Wraps an optimizer and measures the gradient, update and weight norms of each variable.

    Callbacks of Keras 3 never see gradients, but an optimizer does. The measurements stay in
    variables on the device until `measurements` reads them. No step transfers data to the host, and
    training gives the same results as without the wrapper. `keras_ddl.callbacks.GradientStats`
    attaches the wrapper to a model during `fit` and removes it afterwards.

    Norms read every weight twice, which costs several percent of a step of a large dense network.
    Therefore they are measured only at every `every`-th update. For vectors (biases, scales,
    offsets) the wrapper also records, at every step, whether an entry ever had a nonzero gradient.
    The bias of a ReLU unit that never fires has a zero gradient.

    ```python
    optimizer = Instrumented(keras.optimizers.Adam(1e-3))
    model.compile(optimizer, "mse")
    model.fit(x, y)
    for norms in optimizer.measurements():
        print(norms["variable"].path, norms["gradient"], norms["update"] / norms["weight"])
    ```

    Gradients are averaged over the batch and measured before clipping. Under mixed precision
    `compile` places the wrapper inside the `LossScaleOptimizer`, so gradients are measured without
    the loss scale. With gradient accumulation the gradients are those of single batches, and a step
    counts as an update only if it changes the weights.

    Under `tf.distribute` gradients are summed over all replicas. A vector entry counts as moved if
    it had a nonzero gradient on any replica.

    Args:
        optimizer: the optimizer to wrap: an instance, or another argument that
            `keras.optimizers.get` accepts.
        every: int > 0. Norms are measured at updates 0, `every`, 2 `every` ... since `reset`.
            Default 16.
        name: optional string, the wrapper's name.

    Attributes:
        measures: None (default) or a boolean. With None, the compiled step itself decides when to
            measure. On JAX the branch in the step then prevents weights from being updated in
            place, which costs a large dense network a fifth of a step or more. `tf.distribute`
            allows no updates within a branch, so norms are computed at every step there. A boolean
            is read when a step is traced: True always measures, False never does. On JAX and under
            `tf.distribute` the callbacks compile one step of each kind, and `is_due` tells which
            one to run.

    Raises:
        ValueError: if `every` is not positive.
    """

    def __init__(self, optimizer, every=16, name=None) -> None:
        super().__init__(optimizer, name=name)
        self.every = positive_integer("every", every)
        self.measures: bool | None = None
        self._batches = 0
        self._passed: set[int] = set()  # indices of the variables that `apply` received

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
        """Set all measurements to zero, as for a new epoch. Not for use in a compiled step."""
        self._batches = 0
        if self.built:
            self._first.assign(host_integer(self.optimizer.iterations))
            for variable in (self._measured, self._updated, self._norms, self._moved):
                variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def is_due(self, batches=1) -> bool:
        """Whether the next call of the training step should measure. Advances the batch count.

        Args:
            batches: the number of batches that one call of the step processes. Default 1.
        """
        update = self._batches // (self.optimizer.gradient_accumulation_steps or 1)
        self._batches += batches
        return update % self.every < batches

    @property
    def asked(self) -> bool:
        """Whether `apply` ran since `reset`. A custom `train_step` may never call it."""
        return self.measured > 0 or (
            self.built and host_integer(self.optimizer.iterations) > host_integer(self._first)
        )

    @property
    def measured(self) -> int:
        """The number of steps measured since `reset`."""
        return host_integer(self._measured.value) if self.built else 0

    def measurements(self) -> list[dict[str, Any]]:
        """The measurements since `reset`, one dictionary for each trainable variable.

        Returns:
            List of dictionaries with these keys:
            - "variable": the variable.
            - "gradient", "update", "weight": L2 norms, averaged over the measured steps. NaN if no
              step was measured.
            - "passed": whether `apply` ever received the variable.
            - "moved": only for vectors, a boolean array: whether each entry had a nonzero gradient
              at any step.
        """
        if not self.built:
            return []
        sums = ops.convert_to_numpy(self._norms.value)
        moved = ops.convert_to_numpy(self._moved.value)
        # Divide as arrays: 0 / 0 then gives NaN, which stands for "nothing was measured".
        measured = np.asarray(ops.convert_to_numpy(self._measured.value))
        updated = np.asarray(ops.convert_to_numpy(self._updated.value))
        with np.errstate(invalid="ignore"):
            gradient, update, weight = sums / np.array([[measured], [updated], [measured]])
        entries = []
        ends = np.cumsum(self._sizes)
        for i, size in enumerate(self._sizes):
            norms = {
                "variable": self._trainable_variables[i],
                "gradient": float(gradient[i]),
                "update": float(update[i]),
                "weight": float(weight[i]),
                "passed": i in self._passed,
            }
            entries.append(norms | ({"moved": moved[ends[i] - size : ends[i]]} if size else {}))
        return entries

    def apply(self, grads, trainable_variables=None) -> None:
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
        # With gradient accumulation, `iterations` changes only after all batches of an update, so
        # all of them are measured.
        since = ops.cast(self.optimizer.iterations, self._first.dtype) - self._first
        due = since % self.every == 0
        if keras.backend.backend() == "jax" or distributed:
            # A branch of JAX's `cond` must have no side effects, and replicas cannot communicate
            # inside one. So the branch only computes the norms, which are zeros if not due.
            before = {i: ops.copy(v) for i, (_, v) in pairs.items()}
            whole = _summed(pairs) if distributed else pairs
            plain()
            zeros = lambda: [ops.zeros(self._norms.shape, "float32")]  # noqa: E731
            (norms,) = ops.cond(due, lambda: [self._norms_of(whole, before)], zeros)
            self._add(norms, ops.cast(due, "float32"))
        else:
            # Only a measured step copies the weights beforehand.
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
        # With gradient accumulation most steps change no weight. They do not count as updates.
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
    """The same (gradient, variable) pairs, with gradients summed over the replicas."""
    places = [i for i, (gradient, _) in pairs.items() if gradient is not None]
    sums = sum_of_replicas([_dense(pairs[i][0]) for i in places])
    whole = {i: (None, variable) for i, (_, variable) in pairs.items()}
    return whole | {i: (total, pairs[i][1]) for i, total in zip(places, sums, strict=True)}


def _dense(gradient):
    """The gradient as a dense tensor. Gradients of embeddings are sparse on TensorFlow."""
    return ops.convert_to_tensor(gradient, sparse=False)


def _norm(x):
    return ops.sqrt(ops.sum(ops.square(ops.cast(_dense(x), "float32"))))
