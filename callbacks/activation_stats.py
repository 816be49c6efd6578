"""What the activations of a probe batch look like, layer by layer."""

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
SAMPLED = 2**14  # values of a layer, at most, that percentiles are taken of
SATURATION = {keras.activations.tanh: (-1.0, 1.0), keras.activations.sigmoid: (0.0, 1.0)}


class ActivationStats(Monitor):
    """Statistics of each layer's activations on a probe batch, each epoch or every n batches.

    The probe batch is run at inference, compiled, and only the statistics leave the device. Of each
    layer `logs` get `activation_<statistic>/<layer>`:

    - `mean`, `std`,
    - `active`: the share of values above 0; of ReLUs at random initial weights about a half,
    - `saturated`: of tanh and sigmoid, the share of values within .05 of a bound,
    - `p15`, `p50`, `p85`: percentiles, of at most 16,384 evenly spaced values.

    ```python
    stats = ActivationStats(x[:256])
    model.fit(x, y, callbacks=[stats])
    stats.history[-1]["activation_std/dense"]
    ```

    Args:
        data: inputs of the probe batch: an array, a list or dictionary of arrays, or a data set,
            of which the first batch is taken.
        every: "epoch" (the default) or a number of batches. Batches are looked at once per
            execution of `steps_per_execution`, and the weights are brought back to the model each
            time, so a small number slows JAX down.
        layers: a name or names of layers, or None (the default): those with weights or an
            activation, in the order in which they run. Normalization and activation layers are
            seen, and so is the input of each activation that is a layer.
        per_layer: whether `logs` get the entries. Default True; `history` has them in any case.

    Attributes:
        history: list of one dictionary per measurement.
        steps: list of as many numbers: batches seen before each measurement.

    Raises:
        ValueError: when training begins, if the model is not built, cannot run `data`, or has no
            layer of a name in `layers`.
    """

    def __init__(self, data, every="epoch", layers=None, per_layer=True):
        super().__init__()
        require_examples("ActivationStats", data)
        self.data = data
        self.every = every if every == "epoch" else positive_integer("every", every)
        self.layers = [layers] if isinstance(layers, str) else layers
        self.per_layer = per_layer
        self.history: list[dict[str, float]] = []
        self.steps: list[int] = []
        # At epochs alone its batch hook does nothing, and need not make JAX wait.
        self.async_safe = every == "epoch"

    def on_train_begin(self, logs=None):
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

    def on_train_batch_end(self, batch, logs=None):
        if self.every == "epoch":
            return
        before, self._seen = self._seen, self._before_epoch + batch + 1
        if before // self.every < self._seen // self.every:
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()  # the weights of a JAX step are elsewhere till the end
            self._look()

    def on_epoch_begin(self, epoch, logs=None):
        self._before_epoch = self._seen

    def on_epoch_end(self, epoch, logs=None):
        if self.every == "epoch":
            self._seen = self._before_epoch + (self.params.get("steps") or 0)
            self._look()
        if logs is not None and self.per_layer and self.history:
            logs.update(self.history[-1])

    def _look(self):
        parts = self._probe.run(self._batch)
        size = batch_size(self.model)
        if size is not None and len(parts) > 1:
            # Only whole parts: the last one may hold examples twice.
            parts = parts[: len(keras.tree.flatten(self._batch)[0]) // size]
        entries: dict[str, float] = {}
        for same in zip(*parts, strict=True):  # one layer's call in each part
            for name in same[0]:
                entries |= _entries(name, [found[name] for found in same])
        self.history.append(entries)
        self.steps.append(self._seen)


def _entries(name, parts):
    """The log entries of one layer, from its measurements in parts of one size."""
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
    """What a probe measures of one layer: moments and shares of all values, and a sample."""
    activation = own_activation(layer)
    bounds = SATURATION.get(getattr(activation, "activation", activation))

    def measure(call):
        values = ops.cast(keras.tree.flatten(call.outputs)[0], "float32")
        mean = _mean(values)
        std = ops.sqrt(_mean(ops.square(values - mean)))  # two passes: the mean may be large
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
    """Over all values; over the examples first, which goes through memory in its order."""
    return ops.mean(ops.mean(values, axis=0))
