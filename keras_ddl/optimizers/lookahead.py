"""Lookahead: slow weights that follow those of another optimizer."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import positive_integer, unit_interval
from keras_ddl.optimizers.wrapper import OptimizerWrapper


@keras.saving.register_keras_serializable(package="keras_ddl")
class Lookahead(OptimizerWrapper):
    """Wraps an optimizer: every `sync_period` updates, the weights go back part of their way.

    The wrapped optimizer updates the (fast) weights. After every `sync_period` updates, slow
    weights move towards them, and the fast weights start anew from there:

    ```
    slow = slow + slow_step_size * (fast - slow)
    fast = slow
    ```

    The slow weights start as the initial weights. They are saved with the optimizer.

    ```python
    model.compile(Lookahead(keras.optimizers.Adam(1e-3)), "mse")
    ```

    Args:
        optimizer: the optimizer to wrap: an instance, or another argument that
            `keras.optimizers.get` accepts.
        sync_period: int > 0, k in the paper, in updates. Default 6, as in TensorFlow Addons; the
            paper uses 5 to 10.
        slow_step_size: float in [0, 1], alpha in the paper. Default .5.
        name: optional string, the wrapper's name.

    Raises:
        ValueError: if `sync_period` is not a positive integer, or `slow_step_size` is not in
            [0, 1].

    Reference: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", arXiv:1907.08610.
    """

    def __init__(self, optimizer, sync_period=6, slow_step_size=0.5, name=None) -> None:
        super().__init__(optimizer, name=name)
        self.sync_period = positive_integer("sync_period", sync_period)
        self.slow_step_size = unit_interval("slow_step_size", slow_step_size)

    def build(self, variables) -> None:
        super().build(variables)
        self._slow = [
            # An initializer runs once, even if a compiled step builds the optimizer.
            self.add_variable_from_reference(
                variable,
                name="slow",
                initializer=lambda shape, dtype=None, v=variable: ops.copy(v.value),
            )
            for variable in variables
        ]

    def apply(self, grads, trainable_variables=None) -> None:
        before = ops.copy(ops.convert_to_tensor(self.optimizer.iterations))
        super().apply(grads, trainable_variables)
        # With gradient accumulation most steps are no update.
        after = ops.convert_to_tensor(self.optimizer.iterations)
        due = ops.logical_and(
            ops.not_equal(after, before), ops.equal(ops.mod(after, self.sync_period), 0)
        )
        for slow, fast in zip(self._slow, self._trainable_variables, strict=True):
            there, here = ops.convert_to_tensor(slow), ops.convert_to_tensor(fast)
            moved = there + self.slow_step_size * (here - there)
            slow.assign(ops.where(due, moved, there))
            fast.assign(ops.where(due, moved, here))

    def save_own_variables(self, store) -> None:
        super().save_own_variables(store)
        for index, slow in enumerate(getattr(self, "_slow", ())):
            store[f"slow_{index}"] = ops.convert_to_numpy(slow)

    def load_own_variables(self, store) -> None:
        names = set(store.keys())
        super().load_own_variables(
            {name: store[name] for name in names if not name.startswith("slow_")}
        )
        for index, slow in enumerate(self._slow):
            # The optimizer may have been saved without the wrapper.
            if f"slow_{index}" in names:
                slow.assign(store[f"slow_{index}"])

    def get_config(self) -> dict[str, Any]:
        config = {"sync_period": self.sync_period, "slow_step_size": self.slow_step_size}
        return {**super().get_config(), **config}
