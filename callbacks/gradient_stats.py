"""Gradient norms and update sizes by layer."""

import math

from keras_ddl._checks import finite, positive_integer
from keras_ddl.callbacks._attachment import attach, detach
from keras_ddl.callbacks._monitor import NOT_MEASURED, Monitor
from keras_ddl.callbacks._names import layer_names
from keras_ddl.graph import leaf_layers
from keras_ddl.optimizers import Instrumented


class GradientStats(Monitor):
    """Gradient norms and update-to-weight ratios by layer, measured inside the compiled step.

    The model's optimizer is wrapped in `keras_ddl.optimizers.Instrumented` for the time of the
    `fit` and unwrapped afterwards. Every epoch `logs` get

    - `gradient_norm`: of all weights together,
    - `gradient_norm/<layer>`: of each layer with trainable weights,
    - `update_ratio/<layer>`: the norm of an update over the norm of the weights. Near 1e-3 is
      healthy; 1e-1 is too fast, 1e-5 hardly learns.

    All are means over the measured updates of the epoch, one in `every`. Put it before `CSVLogger`,
    `TensorBoard` and others that read `logs`.

    ```python
    model.fit(x, y, callbacks=[GradientStats()])
    ```

    Args:
        every: int > 0, one update in so many is measured. Default 16: the cost of a measurement is
            a few passes over the weights. The first of each epoch always is.
        vanishing: warn of a layer whose gradient, in the root mean square over its weights, is
            below this share of the largest layer's. Default 1e-5. None: do not.
        exploding: warn if the norm over all weights exceeds this, naming the largest layer.
            Default 1e3. None: do not.
        per_layer: whether `logs` get the entries of single layers. Default True; `history` has
            them in any case.

    Attributes:
        history: list of one dictionary per epoch, with all entries; an empty one where nothing was
            measured, which a warning tells.
        messages: list of `(epoch, text)`, the warnings given.

    Raises:
        ValueError: if an argument is not as said above, or the model is not built when training
            begins.
    """

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
        found = by_layer(self._instrument, self._layers)
        if not found:
            self.history.append({})
            self._once(epoch, "nothing", NOT_MEASURED)
            return
        entries = {"gradient_norm": _norm([layer["gradient"] for layer in found.values()])}
        for name, layer in found.items():
            entries[f"gradient_norm/{name}"] = layer["gradient"]
            ratio = layer["update"] / layer["weight"] if layer["weight"] else math.nan
            entries[f"update_ratio/{name}"] = ratio
        self.history.append(entries)
        if logs is not None:
            logs.update(entries if self.per_layer else {"gradient_norm": entries["gradient_norm"]})
        self._judge(epoch, entries["gradient_norm"], found)

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)

    def _judge(self, epoch, total, found):
        largest = max(found, key=lambda name: found[name]["gradient"])
        broken = [name for name in found if not math.isfinite(found[name]["gradient"])]
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
        rms = {name: layer["gradient"] / layer["size"] ** 0.5 for name, layer in found.items()}
        limit = self.vanishing * max(rms.values())
        lost = [name for name in found if rms[name] < limit or rms[name] == 0]
        for name in lost:
            text = (
                f"the gradient vanishes in {name!r}: {rms[name]:.3g} in the root mean square, "
                f"{max(rms.values()):.3g} in the largest layer. Look at initial weights, at "
                "saturated or dead units after it, or add normalization."
            )
            self._once(epoch, name, text)

    def _once(self, epoch, what, text):
        if what not in self._warned:
            self._warned.add(what)
            self.warn(epoch, text)


def weights_by_layer(model):
    """By identity of a trainable weight, the name of the leaf layer that holds it."""
    names = layer_names(model)
    return {
        id(weight): names[id(layer)]
        for layer in leaf_layers(model)
        for weight in layer.trainable_weights
    }


def by_layer(instrument, layers):
    """Norms of each layer's weights together, and their number; empty if nothing was measured.

    Args:
        instrument: an `Instrumented` optimizer.
        layers: of `weights_by_layer`. A weight held by no leaf layer counts under its own path.
    """
    parts: dict[str, list[dict]] = {}
    for found in instrument.measurements() if instrument.asked else ():
        if not found["passed"]:
            continue
        variable = found["variable"]
        parts.setdefault(layers.get(id(variable), variable.path), []).append(found)
    return {
        name: {
            kind: _norm([part[kind] for part in some]) for kind in ("gradient", "update", "weight")
        }
        | {"size": sum(math.prod(part["variable"].shape) for part in some)}
        for name, some in parts.items()
    }


def _norm(norms):
    return math.sqrt(sum(norm * norm for norm in norms))


def _list(names):
    return ", ".join(map(repr, names))
