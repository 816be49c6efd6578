"""The base class of optimizers that wrap another optimizer."""

from types import SimpleNamespace
from typing import Any

import keras
from keras import ops


class OptimizerWrapper(keras.optimizers.Optimizer):
    """Forwards everything to the wrapped optimizer. Subclasses extend `apply`.

    Only the wrapped optimizer's variables are saved. A checkpoint of a model with an attached
    wrapper therefore loads into a model that was compiled without one.

    Args:
        optimizer: the optimizer to wrap: an instance, or another argument that
            `keras.optimizers.get` accepts.
        name: optional string, the wrapper's name.

    Attributes:
        finalized: None, or a function that is called after `fit` has finalized the weights.
    """

    def __init__(self, optimizer, name=None) -> None:
        super().__init__(learning_rate=0.0, name=name)  # unused: the wrapped optimizer has its own
        self.finalized = None
        # The namespace hides the optimizer from Keras' saving, which would store it a second time.
        self._wrapped = SimpleNamespace(optimizer=keras.optimizers.get(optimizer))

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The wrapped optimizer. It may be replaced by one built for the same variables."""
        return self._wrapped.optimizer

    @optimizer.setter
    def optimizer(self, optimizer) -> None:
        self._wrapped.optimizer = optimizer

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
        # Core's SwapEMAWeights looks for the moving averages here. The wrapper has none itself.
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
        config = dict(config)
        inner = config.pop("optimizer")
        if "learning_rate" in config:  # a population's rate of one member
            rate = {"learning_rate": config.pop("learning_rate")}
            inner = {**inner, "config": {**inner["config"], **rate}}
        optimizer = keras.saving.deserialize_keras_object(inner, custom_objects=custom_objects)
        return cls(optimizer, **config)


def host_integer(x) -> int:
    """A scalar tensor as a Python integer.

    Assigning an integer shares no buffer with the tensor, which JAX could delete.
    """
    return int(ops.convert_to_numpy(ops.convert_to_tensor(x)))
