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
    - `update_ratio/<layer>`: the norm of an update divided by the norm of the weights. About 1e-3
      is healthy. With 1e-1 learning is too fast, and with 1e-5 the layer hardly learns.

    All values are means over the measured updates of the epoch, which are one in `every`. Place
    this callback before `CSVLogger`, `TensorBoard` and others that read `logs`.

    ```python
    model.fit(x, y, callbacks=[GradientStats()])
    ```

    Args:
        every: int > 0. One in `every` updates is measured, including the first of each epoch. A
            measurement costs a few passes over the weights. Default 16.
        vanishing: a fraction, or None for no warning. The callback warns of a layer if the root
            mean square of its gradient is below this fraction of the largest layer's. Default 1e-5.
        exploding: a number, or None for no warning. The callback warns if the gradient norm over
            all weights exceeds it, and names the layer with the largest norm. Default 1e3.
        per_layer: whether to add the entries of single layers to `logs`. `history` always has them.
            Default True.

    Attributes:
        history: list with one dictionary of all entries per epoch. The dictionary is empty, and a
            warning is issued, if nothing was measured in the epoch.
        messages: list of `(epoch, text)`, the warnings issued.

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
        self._warned: set[str] = set()

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        self._instrument = attach(
            self, self.model, Instrumented, lambda plain: Instrumented(plain, self.every)
        )
        self._layers = weights_by_layer(self.model)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._instrument.reset()

    def on_epoch_end(self, epoch, logs=None) -> None:
        norms = by_layer(self._instrument, self._layers)
        if not norms:
            self.history.append({})
            self._once(epoch, "nothing", NOT_MEASURED)
            return
        entries = {"gradient_norm": _norm([layer["gradient"] for layer in norms.values()])}
        for name, layer in norms.items():
            entries[f"gradient_norm/{name}"] = layer["gradient"]
            ratio = layer["update"] / layer["weight"] if layer["weight"] else math.nan
            entries[f"update_ratio/{name}"] = ratio
        self.history.append(entries)
        if logs is not None:
            logs.update(entries if self.per_layer else {"gradient_norm": entries["gradient_norm"]})
        self._check(epoch, entries["gradient_norm"], norms)

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)

    def _check(self, epoch, total, norms):
        """Warn of gradients that are not finite, explode or vanish."""
        largest = max(norms, key=lambda name: norms[name]["gradient"])
        broken = [name for name in norms if not math.isfinite(norms[name]["gradient"])]
        if broken:
            self._once(epoch, "broken", f"the gradient of {_list(broken)} is not finite.")
        elif self.exploding is not None and total > self.exploding:
            text = (
                f"gradients explode: their norm is {total:.3g}, above {self.exploding:g}, and "
                f"largest in {largest!r}. Lower the learning rate, or set `clipnorm`."
            )
            self._once(epoch, "exploding", text)
        if self.vanishing is None or broken:
            return
        rms = {name: layer["gradient"] / layer["size"] ** 0.5 for name, layer in norms.items()}
        limit = self.vanishing * max(rms.values())
        vanishing = [name for name in norms if rms[name] < limit or rms[name] == 0]
        for name in vanishing:
            text = (
                f"the gradient vanishes in {name!r}: its root mean square is {rms[name]:.3g}, and "
                f"{max(rms.values()):.3g} in the largest layer. Check the initial weights and "
                "whether later units are saturated or dead, or add normalization."
            )
            self._once(epoch, name, text)

    def _once(self, epoch, what, text):
        if what not in self._warned:
            self._warned.add(what)
            self.warn(epoch, text)


def weights_by_layer(model) -> dict[int, str]:
    """A dictionary from the `id` of each trainable weight to the name of its leaf layer."""
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
    parts: dict[str, list[dict]] = {}
    for measured in instrument.measurements() if instrument.asked else ():
        if not measured["passed"]:
            continue
        variable = measured["variable"]
        parts.setdefault(layers.get(id(variable), variable.path), []).append(measured)
    return {
        name: {
            kind: _norm([part[kind] for part in group]) for kind in ("gradient", "update", "weight")
        }
        | {"size": sum(math.prod(part["variable"].shape) for part in group)}
        for name, group in parts.items()
    }


def _norm(norms):
    return math.sqrt(sum(norm * norm for norm in norms))


def _list(names):
    return ", ".join(map(repr, names))
