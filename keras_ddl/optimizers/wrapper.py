"""An optimizer around another one: the base of those that watch or steer it."""

from types import SimpleNamespace
from typing import Any

import keras
from keras import ops


class OptimizerWrapper(keras.optimizers.Optimizer):
    """Passes everything on to the optimizer it holds; subclasses add to `apply`.

    Saved weights are those of the held optimizer alone, so a checkpoint taken while a wrapper is
    attached loads into a model compiled without one.

    Args:
        optimizer: the optimizer to hold, or what `keras.optimizers.get` makes one of.
        name: optional string.

    Attributes:
        finalized: None, or a function to call when `fit` has finalized the weights.
    """

    def __init__(self, optimizer, name=None) -> None:
        super().__init__(learning_rate=0.0, name=name)  # never used: the held one's counts
        self.finalized = None
        # Behind a namespace Keras' saving does not meet it a second time, as a child.
        self._held = SimpleNamespace(optimizer=keras.optimizers.get(optimizer))

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer inside. It may be replaced by one built for the same variables."""
        return self._held.optimizer

    @optimizer.setter
    def optimizer(self, optimizer) -> None:
        self._held.optimizer = optimizer

    @property
    def variables(self) -> list[keras.Variable]:
        return self._variables + self.optimizer.variables

    @property
    def learning_rate(self) -> Any:
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate) -> None:
        self.optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Any:
        return self.optimizer.iterations

    def build(self, variables) -> None:
        if not self.optimizer.built:
            self.optimizer.build(variables)
        super().build(variables)
        # Where core's SwapEMAWeights looks for the averages. The wrapper itself makes none.
        self.use_ema = getattr(self.optimizer, "use_ema", False)
        if self.use_ema:
            self._model_variables_moving_average = self.optimizer._model_variables_moving_average

    def apply(self, grads, trainable_variables=None) -> None:
        grads = list(grads)
        if not self.built:
            self.build(list(trainable_variables))
        self.optimizer.apply(grads, trainable_variables)

    def scale_loss(self, loss) -> Any:
        return self.optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list) -> None:
        self.optimizer.finalize_variable_values(var_list)
        if self.finalized is not None:
            self.finalized()

    def save_own_variables(self, store) -> None:
        self.optimizer.save_own_variables(store)

    def load_own_variables(self, store) -> None:
        self.optimizer.load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None) -> Any:
        optimizer = keras.saving.deserialize_keras_object(
            config["optimizer"], custom_objects=custom_objects
        )
        return cls(**{**config, "optimizer": optimizer})


def host_integer(x) -> int:
    """A scalar tensor as a number: assigned, it shares no buffer with its source, as JAX wants."""
    return int(ops.convert_to_numpy(ops.convert_to_tensor(x)))
