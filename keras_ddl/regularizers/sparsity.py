"""A penalty on units that are active too often."""

from typing import Any

import keras
from keras import ops

from keras_ddl._checks import one_of, positive
from keras_ddl.regularizers.penalty import Penalty

UNITS = ("bernoulli", "poisson")


@keras.saving.register_keras_serializable(package="keras_ddl")
class KLSparsity(Penalty):
    """Draws the mean activation of every unit over the batch towards a small target.

    The penalty is the Kullback-Leibler divergence between the target `t` and the mean activation
    `m`, summed over the units and multiplied by the strength. It adds to the loss:

    ```
    units="bernoulli":  t log(t / m) + (1 - t) log((1 - t) / (1 - m))
    units="poisson":    t log(t / m) - t + m
    ```

    The first form is for activations between 0 and 1, such as those of a sigmoid. The second form
    is for activations without an upper bound, such as those of ReLU. Both are 0 at `m = t`, grow
    to both sides, and agree closely if both `t` and `m` are small.

    ```python
    keras.layers.Dense(
        256, "relu", activity_regularizer=KLSparsity(1e-3, target=0.1, units="poisson")
    )
    ```

    Args:
        strength: number of at least 0. It is a weight: assign to `strength` to change it without
            recompiling.
        target: the mean activation to aim at, above 0; for "bernoulli" also below 1. Default .05.
        units: "bernoulli" (default) or "poisson".
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        activations: tensor whose last axis holds the units. The mean is over all other axes.

    Raises:
        ValueError: if an argument is out of range.

    Reference: Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2", NIPS 2007,
    for a target of the mean activation; Nair and Hinton, "3D object recognition with deep belief
    nets", NIPS 2009, for the cross-entropy.
    """

    arguments_in_weights = frozenset({"strength"})

    def __init__(self, strength, target=0.05, units="bernoulli", **kwargs):
        super().__init__({"strength": strength}, **kwargs)
        self.units = one_of("units", units, UNITS)
        self.target = float(positive("target", target))
        if units == "bernoulli" and not self.target < 1:
            raise ValueError(
                f'`target` must be below 1 for units="bernoulli". Received: target={target!r}'
            )

    @property
    def strength(self) -> float:
        """The strength. Assign a number of at least 0 to change it."""
        return self._get("strength")

    @strength.setter
    def strength(self, value) -> None:
        self._set("strength", value)

    def penalty(self, x) -> Any:
        small = keras.config.epsilon()
        mean = ops.maximum(ops.mean(x, axis=tuple(range(len(x.shape) - 1))), small)
        target = self.target
        if self.units == "poisson":
            apart = target * ops.log(target / mean) - target + mean
        else:
            mean = ops.minimum(mean, 1 - small)
            apart = target * ops.log(target / mean)
            apart += (1 - target) * ops.log((1 - target) / (1 - mean))
        # Keras divides the penalty on activations by the number of examples.
        examples = ops.cast(ops.shape(x)[0], apart.dtype)
        return self.factor("strength", x) * ops.sum(apart) * examples

    def get_config(self) -> dict[str, Any]:
        config = {"strength": self.strength, "target": self.target, "units": self.units}
        return {**super().get_config(), **config}
