"""Gradient norms and update-to-weight ratios of each layer."""

import math

from keras_ddl._checks import finite, positive_integer
from keras_ddl.callbacks._attachment import attach, detach
from keras_ddl.callbacks._monitor import NOT_MEASURED, Monitor
from keras_ddl.callbacks._names import layer_names
from keras_ddl.graph import leaf_layers
from keras_ddl.optimizers import Instrumented


class GradientStats(Monitor):
    """Gradient norms and update-to-weight ratios of each layer, measured in the compiled step.

    The model's optimizer is wrapped in `keras_ddl.optimizers.Instrumented` during `fit`. Every
    epoch `logs` receive these entries:

    - `gradient_norm`: the gradient norm over all weights.
    - `gradient_norm/<layer>`: the gradient norm of each layer with trainable weights.
    - `update_ratio/<layer>`: the norm of an update divided by the norm of the weights. A rule of
      thumb (Stanford's course CS231n, "Neural Networks Part 3") is that about 1e-3 is healthy. With
      1e-1 learning is too fast, and with 1e-5 the layer hardly learns.

    One in `every` updates is measured. The L2 norm of each weight's gradient, of its update and of
    the weight itself is averaged over the measured updates of the epoch. The norm of a layer is the
    root of the sum of its weights' squared averages. Place this callback before `CSVLogger`,
    `TensorBoard` and others that read `logs`.

    ```python
    model.fit(x, y, callbacks=[GradientStats()])
    ```

    Args:
        every: int > 0. One in `every` updates is measured, including the first of each epoch. A
            measurement costs a few passes over the weights. Default 16.
        vanishing: a fraction, or None for no warning. The callback warns of a layer if the root
            mean square of its gradient is below this fraction of the largest root mean square of
            any layer. Default 1e-5.
        exploding: a number, or None for no warning. The callback warns if the gradient norm over
            all weights exceeds it, and names the layer with the largest norm. Default 1e3.
        per_layer: whether to add the entries of single layers to `logs`. `history` always has them.
            Default True.

    Attributes:
        history: list with one dictionary of all entries per epoch. The dictionary is empty, and a
            warning is issued, if nothing was measured in the epoch.
        messages: list of `(epoch, text)`, the warnings issued. Each cause, and each layer whose
            gradient vanishes, is named once in the life of the callback.

    Raises:
        ValueError: if an argument is invalid, or the model is not built when training begins.
    """

    warns_of = ("gradient_norm", "update_ratio")

    def __init__(self, every=16, vanishing=1e-5, exploding=1e3, per_layer=True) -> None:
        super().__init__()
        self.every = positive_integer("every", every)
        self.vanishing = finite("vanishing", vanishing, optional=True)
        self.exploding = finite("exploding", exploding, optional=True)
        self.per_layer = per_layer
        self.history: list[dict[str, float]] = []

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        self._instrument = attach(
            # A wrapper that the model has already is shared, and its `every` holds.
            self,
            self.model,
            Instrumented,
            lambda optimizer: Instrumented(optimizer, self.every),
        )
        self._layers = weights_by_layer(self.model)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._instrument.reset()  # begin new averages

    def on_epoch_end(self, epoch, logs=None) -> None:
        layers = by_layer(self._instrument, self._layers)
        if not layers:
            self.history.append({})
            self.warn_once(epoch, "nothing measured", NOT_MEASURED)
            return
        entries = {"gradient_norm": _norm([norms["gradient"] for norms in layers.values()])}
        for name, norms in layers.items():
            entries[f"gradient_norm/{name}"] = norms["gradient"]
            ratio = norms["update"] / norms["weight"] if norms["weight"] else math.nan
            entries[f"update_ratio/{name}"] = ratio
        self.history.append(entries)
        if logs is not None:
            logs.update(entries if self.per_layer else {"gradient_norm": entries["gradient_norm"]})
        self._check(epoch, entries["gradient_norm"], layers)

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)

    def _check(self, epoch, total, layers):
        """Warn of gradients that are not finite, explode or vanish."""
        largest = max(layers, key=lambda name: layers[name]["gradient"])
        infinite = [n for n, norms in layers.items() if not math.isfinite(norms["gradient"])]
        if infinite:
            text = f"the gradient of {_list(infinite)} is not finite."
            self.warn_once(epoch, "not finite", text)
        elif self.exploding is not None and total > self.exploding:
            text = (
                f"gradients explode: their norm is {total:.3g}, above {self.exploding:g}, and "
                f"largest in {largest!r}. Lower the learning rate, or set `clipnorm`."
            )
            self.warn_once(epoch, "exploding", text)
        if self.vanishing is None or infinite:
            return
        rms = {name: norms["gradient"] / norms["size"] ** 0.5 for name, norms in layers.items()}
        limit = self.vanishing * max(rms.values())
        # If all gradients are zero, the limit is zero, too, and none is below it.
        vanishing = [name for name in layers if rms[name] < limit or rms[name] == 0]
        for name in vanishing:
            text = (
                f"the gradient vanishes in {name!r}: its root mean square is {rms[name]:.3g}, and "
                f"the largest of any layer is {max(rms.values()):.3g}. Check the initial weights "
                "and whether later units are saturated or dead, or add normalization."
            )
            self.warn_once(epoch, f"vanishing/{name}", text)


def weights_by_layer(model) -> dict[int, str]:
    """A dictionary from the `id` of each trainable weight to the name of its leaf layer.

    A leaf layer is a layer that contains no other layers.
    """
    names = layer_names(model)
    return {
        id(weight): names[id(layer)]
        for layer in leaf_layers(model)
        for weight in layer.trainable_weights
    }


def by_layer(instrument, layers) -> dict[str, dict[str, float]]:
    """The gradient, update and weight norm of each layer, and the number of its weights ("size").

    The result is empty if nothing was measured.

    Args:
        instrument: an `Instrumented` optimizer.
        layers: the result of `weights_by_layer`. A weight that belongs to no leaf layer is listed
            under its path.
    """
    if not instrument.asked:  # a custom `train_step` may never apply the optimizer
        return {}
    measurements: dict[str, list[dict]] = {}
    for measured in instrument.measurements():
        if measured["passed"]:  # the optimizer received a gradient of this variable
            variable = measured["variable"]
            layer = layers.get(id(variable), variable.path)
            measurements.setdefault(layer, []).append(measured)
    return {layer: _combined(weights) for layer, weights in measurements.items()}


def _combined(weights):
    """The norms of a layer, from those of its weights."""
    norms = {
        norm: _norm([weight[norm] for weight in weights])
        for norm in ("gradient", "update", "weight")
    }
    size = sum(math.prod(weight["variable"].shape) for weight in weights)
    return {**norms, "size": size}


def _norm(norms):
    """The norm of vectors together, from the norm of each."""
    return math.sqrt(sum(norm * norm for norm in norms))


def _list(names):
    return ", ".join(map(repr, names))
