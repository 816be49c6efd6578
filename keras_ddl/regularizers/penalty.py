"""Penalties on weights or activations, with strengths that are variables."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite


def nonnegative(name, value) -> float:
    """`value` as a float, if it is a finite number of at least 0.

    Raises:
        ValueError: if it is not. The message names the argument and the value received.
    """
    if finite(name, value) < 0:
        raise ValueError(f"`{name}` must not be negative. Received: {name}={value!r}")
    return float(value)


class Penalty(keras.layers.Layer):
    """Base class of regularizers whose strengths are non-trainable weights.

    Pass an object of a subclass wherever Keras takes a regularizer. It is a layer for one reason:
    the layer that uses it then tracks, saves and loads its weights, and a compiled step reads them
    on every backend. A subclass implements `penalty(x)`.

    Args:
        strengths: the initial strengths by name, numbers of at least 0.
        **kwargs: passed to `keras.layers.Layer`.

    Raises:
        ValueError: if a strength is not a finite number of at least 0.
    """

    def __init__(self, strengths: Mapping[str, float], **kwargs):
        super().__init__(**kwargs)
        # float32 without autocast: float16 rounds a strength of 1e-8 to 0.
        self._strengths = {
            name: self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(nonnegative(name, value)),
                dtype="float32",
                trainable=False,
                autocast=False,
                name=name,
            )
            for name, value in strengths.items()
        }
        self.built = True

    def __call__(self, x) -> Any:
        """The penalty on a tensor, a scalar. Keras calls a regularizer in this way."""
        return self.penalty(ops.cast(x, "float32") if _is_low_precision(x) else x)

    def penalty(self, x) -> Any:
        """The penalty on a tensor of at least float32, a scalar."""
        raise NotImplementedError

    def factor(self, name: str, x) -> Any:
        """A strength as a tensor of the data type of `x`."""
        return ops.cast(self._strengths[name], keras.backend.standardize_dtype(x.dtype))

    def _get(self, name):
        return float(ops.convert_to_numpy(self._strengths[name].value))

    def _set(self, name, value):
        self._strengths[name].assign(nonnegative(name, value))


def _is_low_precision(x):
    return keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")


@keras.saving.register_keras_serializable(package="keras_ddl")
class VariableL1L2(Penalty):
    """The penalty `l1 * sum(|w|) + l2 * sum(w ** 2)`, with strengths that can change in training.

    In `keras.regularizers.L1L2` the strengths are constants of the compiled step. Here they are
    non-trainable weights, which every step reads. Models that differ only in their strengths share
    one graph, and a strength may change during training:

    ```python
    decay = VariableL1L2(l2=1e-4)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(2, kernel_regularizer=decay)])
    model.compile("sgd", "mse")
    model.fit(...)
    decay.l1 = 1e-5  # nothing is traced again
    model.fit(...)
    ```

    Args:
        l1: the strength of the L1 penalty, a number of at least 0. Default 0.
        l2: the strength of the L2 penalty, a number of at least 0. Default 0. As in Keras there is
            no factor 1/2.
        **kwargs: passed to `keras.layers.Layer`.

    Raises:
        ValueError: if a strength is not a finite number of at least 0.
    """

    arguments_in_weights = frozenset({"l1", "l2"})  # members of a Population may differ in them

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__({"l1": l1, "l2": l2}, **kwargs)

    @property
    def l1(self) -> float:
        """The strength of the L1 penalty. Assign a number of at least 0 to change it."""
        return self._get("l1")

    @l1.setter
    def l1(self, value) -> None:
        self._set("l1", value)

    @property
    def l2(self) -> float:
        """The strength of the L2 penalty. Assign a number of at least 0 to change it."""
        return self._get("l2")

    @l2.setter
    def l2(self, value) -> None:
        self._set("l2", value)

    def penalty(self, x) -> Any:
        absolute, squares = ops.sum(ops.abs(x)), ops.sum(ops.square(x))
        return self.factor("l1", x) * absolute + self.factor("l2", x) * squares

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "l1": self.l1, "l2": self.l2}
