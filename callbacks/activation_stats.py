"""Statistics of each layer's activations on a probe batch."""

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import positive_integer
from keras_ddl._forward import batch_size
from keras_ddl.callbacks._examples import first_examples, require_examples
from keras_ddl.callbacks._monitor import Monitor
from keras_ddl.callbacks._names import layer_names
from keras_ddl.callbacks._probe import Probe
from keras_ddl.graph import leaf_layers, own_activation

PERCENTILES = (15, 50, 85)
SAMPLED = 2**14  # percentiles are computed from at most this many values of a layer
SATURATION = {keras.activations.tanh: (-1.0, 1.0), keras.activations.sigmoid: (0.0, 1.0)}


class ActivationStats(Monitor):
    """Statistics of each layer's activations on a probe batch, each epoch or every n batches.

    The model runs on the probe batch in a compiled inference pass. Only the statistics, and a
    sample of values for the percentiles, leave the device. For each layer `logs` receive the
    entries `activation_<statistic>/<layer>`:

    - `mean`, `std`: mean and standard deviation.
    - `active`: the fraction of values above 0. For ReLUs with random initial weights it is about
      one half.
    - `saturated`: for tanh and sigmoid, the fraction of values within .05 of a bound.
    - `p15`, `p50`, `p85`: percentiles, computed from at most 16,384 evenly spaced values.

    ```python
    stats = ActivationStats(x[:256])
    model.fit(x, y, callbacks=[stats])
    stats.history[-1]["activation_std/dense"]
    ```

    Args:
        data: inputs of the probe batch: an array, a list or dictionary of arrays, or a data set. Of
            a data set, the first batch is used.
        every: "epoch" (the default) or a number of batches. With `steps_per_execution`, there is at
            most one measurement per execution. On JAX each measurement copies the weights to the
            model, so a small number slows training down.
        layers: the name of a layer or a list of names. Default None: all layers with weights or an
            activation. This includes normalization and activation layers.
        per_layer: whether to add the entries to `logs`. `history` always has them. Default True.

    Attributes:
        history: list with one dictionary of entries per measurement.
        steps: list with the number of training batches before each measurement.

    Raises:
        ValueError: when training begins, if the model is not built, cannot run `data`, or lacks a
            layer named in `layers`.
    """

    def __init__(self, data, every="epoch", layers=None, per_layer=True) -> None:
        super().__init__()
        require_examples("ActivationStats", data)
        self.data = data
        self.every = every if every == "epoch" else positive_integer("every", every)
        self.layers = [layers] if isinstance(layers, str) else layers
        self.per_layer = per_layer
        self.history: list[dict[str, float]] = []
        self.steps: list[int] = []
        # With "epoch" the batch hook does nothing, so Keras need not wait for each batch on JAX.
        self.async_safe = every == "epoch"

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        self._batch = first_examples(self, self.model, self.data)
        names = layer_names(self.model)
        watched = [
            layer
            for layer in leaf_layers(self.model)
            if (
                layer.weights or own_activation(layer) is not None
                if self.layers is None
                else names[id(layer)] in self.layers
            )
        ]
        if not watched or (self.layers is not None and len(watched) < len(set(self.layers))):
            raise ValueError(
                "ActivationStats: `layers` must be names of the model's layers, as in "
                f"{list(names.values())}. Received: layers={self.layers!r}"
            )
        self._probe = Probe(
            self.model, {id(layer): _measure(layer, names[id(layer)]) for layer in watched}
        )
        self._seen = 0

    def on_train_batch_end(self, batch, logs=None) -> None:
        if self.every == "epoch":
            return
        before, self._seen = self._seen, self._before_epoch + batch + 1
        if before // self.every < self._seen // self.every:
            if keras.backend.backend() == "jax":
                # During `fit` on JAX the current weights are not in the model's variables.
                self.model.jax_state_sync()
            self._measure_batch()

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._before_epoch = self._seen

    def on_epoch_end(self, epoch, logs=None) -> None:
        if self.every == "epoch":
            self._seen = self._before_epoch + (self.params.get("steps") or 0)
            self._measure_batch()
        if logs is not None and self.per_layer and self.history:
            logs.update(self.history[-1])

    def _measure_batch(self):
        """Run the model on the probe batch and append to `history` and `steps`."""
        parts = self._probe.run(self._batch)
        size = batch_size(self.model)
        if size is not None and len(parts) > 1:
            # Use complete parts only: the last one may contain examples twice.
            parts = parts[: len(keras.tree.flatten(self._batch)[0]) // size]
        entries: dict[str, float] = {}
        for same_call in zip(*parts, strict=True):  # the measurements of one call in all parts
            for name in same_call[0]:
                entries |= _entries(name, [measured[name] for measured in same_call])
        self.history.append(entries)
        self.steps.append(self._seen)


def _entries(name, parts):
    """The log entries of one layer, from its measurements in parts of equal size."""
    statistics = [part["statistics"] for part in parts]
    joint = {key: float(np.mean([one[key] for one in statistics])) for key in statistics[0]}
    variances = [one["std"] ** 2 + (one["mean"] - joint["mean"]) ** 2 for one in statistics]
    joint["std"] = float(np.sqrt(np.mean(variances)))
    entries = {f"activation_{statistic}/{name}": value for statistic, value in joint.items()}
    percentiles = np.percentile(np.concatenate([part["values"] for part in parts]), PERCENTILES)
    for q, value in zip(PERCENTILES, percentiles, strict=True):
        entries[f"activation_p{q}/{name}"] = float(value)
    return entries


def _measure(layer, name):
    """A function that measures a call of one layer: statistics of all values, and a sample."""
    activation = own_activation(layer)
    bounds = SATURATION.get(getattr(activation, "activation", activation))

    def measure(call):
        values = ops.cast(keras.tree.flatten(call.outputs)[0], "float32")
        mean = _mean(values)
        std = ops.sqrt(_mean(ops.square(values - mean)))  # two passes, accurate for a large mean
        active = _mean(ops.cast(values > 0, "float32"))
        statistics = {"mean": mean, "std": std, "active": active}
        if bounds is not None:
            near = 0.05
            out = ops.logical_or(values < bounds[0] + near, values > bounds[1] - near)
            statistics["saturated"] = _mean(ops.cast(out, "float32"))
        values = ops.reshape(values, (-1,))
        stride = -(-values.shape[0] // SAMPLED)
        return {name: {"statistics": statistics, "values": values[::stride]}}

    return measure


def _mean(values):
    """The mean over all values. Averaging over the examples first accesses memory in order."""
    return ops.mean(ops.mean(values, axis=0))
