"""The interface of executors, which run the members' training steps."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl.population.feeding import Call

Logs = list[dict[str, float]]


class Executor:
    """Runs the members' own Keras steps.

    Between calls the members' variables may be out of date. `sync` updates them.

    Args:
        models: the members, compiled.
    """

    name = "loop"

    def __init__(self, models: Sequence[keras.Model]):
        self.models = list(models)
        self._ready: set[int] = set()

    def run(self, kind: str, call: Call) -> Logs:
        """One step of every member for each batch.

        Args:
            kind: "train" or "test".
            call: examples and index batches.

        Returns:
            The logs of each member's last step.
        """
        self._make_ready(call)
        return self._run(kind, call)

    def predict(self, call: Call) -> list[Any]:
        """Each member's outputs for the batches of a call, as nested NumPy arrays."""
        raise NotImplementedError

    def sync(self, final: bool = False) -> None:
        """Write the trained values into the members' variables.

        Args:
            final: whether to move all members to one device.
        """

    def forget(self) -> None:
        """Discard the compiled programs, after the members have been compiled again."""
        self._ready = set()

    def _run(self, kind: str, call: Call) -> Logs:
        raise NotImplementedError

    def _make_ready(self, call: Call) -> None:
        """Make the members' optimizer, loss and metric variables before a program is traced."""
        for place, model in enumerate(self.models):
            if place not in self._ready:
                make_variables(model, *call.examples.sample(place))
                self._ready.add(place)


def make_variables(model: keras.Model, x: Any, y: Any, sample_weight: Any) -> None:
    """Make the variables that Keras makes at the first step: the optimizer's and the metrics'.

    Losses and metrics are called once, on outputs of zeros, and then reset.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    if getattr(model, "loss", None) is None:
        return
    given = keras.tree.map_structure(
        lambda part: keras.KerasTensor(part.shape, keras.backend.standardize_dtype(part.dtype)), x
    )
    outputs = keras.tree.map_structure(
        lambda output: ops.zeros([size or 1 for size in output.shape], output.dtype),
        model.compute_output_spec(given),
    )
    model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=sample_weight, training=False)
    model.compute_metrics(x, y, outputs, sample_weight=sample_weight)
    model.reset_metrics()


def stacked_outputs(parts: list[Any]) -> Any:
    """Concatenate the outputs of successive batches."""
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
