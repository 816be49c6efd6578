"""Counting ReLU units that never fire."""

import itertools

import numpy as np
from keras import ops

from keras_ddl._checks import finite, one_of, positive_integer
from keras_ddl._forward import batch_size, random_states_kept
from keras_ddl.callbacks._attachment import attach, detach
from keras_ddl.callbacks._examples import first_examples, require_examples
from keras_ddl.callbacks._monitor import NOT_MEASURED, Monitor
from keras_ddl.callbacks._names import layer_names, unused
from keras_ddl.callbacks._probe import Probe
from keras_ddl.callbacks._relu import hidden_relus, leaky_layers
from keras_ddl.callbacks._units import relu_units
from keras_ddl.examples import batches
from keras_ddl.optimizers import Instrumented


class DeadReLUCounter(Monitor):
    """Counts ReLU units that never fire. In a convolution, each channel is a unit.

    A unit whose pre-activation is negative for every example passes no gradient and usually never
    recovers: it is dead. The counter finds layers with a ReLU as `activation` (from Keras,
    `tf.nn.relu` or an equivalent lambda), `ReLU`, `Activation` and `Lambda` layers, and
    `keras.ops.relu` in a functional model, also in nested and subclassed models. A ReLU layer that
    is used at several places has separate units at each place. Variants with a gradient below zero
    (leaky ReLU, ELU, GELU ...) cannot die; the counter lists them in `leaky`. There are two ways to
    count:

    - `mode="gradient"`, the default, costs almost nothing. If a unit fired for no example of an
      epoch, its bias had a gradient of exactly zero at every step. The compiled step records this
      (`keras_ddl.optimizers.Instrumented`). The mode needs a trained bias, or the offset of a
      normalization, directly before the ReLU. Layers without one are listed in `skipped` with the
      reason. If all units that receive a unit's output are dead, the unit gets no gradient and
      counts as dead too. A warning names the layer that blocks the gradient.
    - `mode="data"` is exact. The model runs on `data` at the end of each epoch. A unit is observed
      only until it fires, and nothing after the last layer with a silent unit is computed.

    `logs` receive the entries `dead_relus` and `dead_relu_fraction`, and for each layer
    `dead_relus/<layer>` and `dead_relu_fraction/<layer>`. An epoch without a measurement adds no
    entries.

    ```python
    dead = DeadReLUCounter(verbose=True)
    model.fit(x, y, callbacks=[dead])  # prints a line such as "1 dead (9.09 %)" each epoch
    print(dead.table())
    ```

    Args:
        mode: "gradient" (the default) or "data".
        data: inputs for `mode="data"`: an array, a list or dictionary of arrays for several
            inputs, or a data set of batches. The data set should not be shuffled, because shuffling
            may draw from the random state that training uses. In mode "gradient" one example of it
            is used to trace the model, which is needed only if the input shapes are not known.
        examples: the number of examples of `data` to run each epoch, or "all". Default 2000.
        batch_size: the batch size of these runs, for arrays. Default 1000.
        verbose: whether to print the count each epoch. Default False.
        warn_above: a fraction of dead units above which one warning is issued. Default None: no
            warning.
        stop_above: a fraction of dead units above which training is stopped. Default None: never.
        per_layer: whether to add entries for single layers to `logs`. Default True.

    Attributes:
        history: list with one dictionary per epoch, from layer names to boolean arrays that mark
            the dead units.
        skipped: dictionary from layer names to the reason why their units are not counted.
        leaky: names of layers with a variant of ReLU that cannot die.

    Raises:
        ValueError: if an argument is invalid; or when training begins, if the model has no ReLU, is
            not built, or cannot run `data`.
    """

    warns_of = ("dead_relu_fraction",)

    def __init__(
        self,
        mode="gradient",
        data=None,
        *,
        examples=2000,
        batch_size=1000,
        verbose=False,
        warn_above=None,
        stop_above=None,
        per_layer=True,
    ) -> None:
        super().__init__()
        self.mode = one_of("mode", mode, ("gradient", "data"))
        if mode == "data" and data is None:
            raise ValueError(
                'DeadReLUCounter: `mode="data"` needs `data`, inputs to run through the model. '
                "Received: data=None"
            )
        if data is not None:
            require_examples("DeadReLUCounter", data)
        self.data = data
        self.examples = examples if examples == "all" else positive_integer("examples", examples)
        self.batch_size = positive_integer("batch_size", batch_size)
        self.verbose = verbose
        self.warn_above = finite("warn_above", warn_above, optional=True)
        self.stop_above = finite("stop_above", stop_above, optional=True)
        self.per_layer = per_layer
        self.history: list[dict[str, np.ndarray]] = []
        self.skipped: dict[str, str] = {}
        self.leaky: list[str] = []
        self._counted: list = []

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        names = layer_names(self.model)
        self.leaky = [names[id(layer)] for layer in leaky_layers(self.model)]
        counted = relu_units(self.model, first_examples(self, self.model, self.data, 1))
        inside = hidden_relus(self.model)
        if not counted:
            others = f"; {self.leaky} never die" if self.leaky else ""
            others += f"; {[names[id(one)] for one in inside]} loop over time" if inside else ""
            raise ValueError(
                "DeadReLUCounter: the model has no ReLU layer that can be observed. Leave the "
                "callback out, or use a layer for each ReLU that a `call` method applies directly. "
                f"Received: model={self.model.name!r}{others}"
            )
        self._names = _unit_names(counted, names)
        self._counted = counted
        self._warned.clear()
        self.skipped = {
            names[id(layer)]: "its ReLUs run inside a loop over time" for layer in inside
        }
        if self.mode == "data":
            self._begin_data()
            return
        without = {
            name: units.why_not
            for name, units in zip(self._names, counted, strict=True)
            if units.bias is None
        }
        self.skipped |= without
        if len(without) == len(counted):
            raise ValueError(
                'DeadReLUCounter: `mode="gradient"` applies to no layer of this model. Use '
                f'`mode="data"` with some inputs as `data`. Received: {self.skipped}'
            )
        self._instrument = attach(self, self.model, Instrumented, Instrumented)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        if self.mode == "gradient":
            self._instrument.reset()

    def on_epoch_end(self, epoch, logs=None) -> None:
        dead = self._by_gradient(epoch) if self.mode == "gradient" else self._by_data()
        self.history.append(dead)
        if not dead:
            return
        count = sum(int(units.sum()) for units in dead.values())
        fraction = count / sum(units.size for units in dead.values())
        entries = {"dead_relus": count, "dead_relu_fraction": fraction}
        if self.per_layer:
            for name, units in dead.items():
                entries[f"dead_relus/{name}"] = int(units.sum())
                entries[f"dead_relu_fraction/{name}"] = float(units.mean())
        if logs is not None:
            logs.update(entries)
        share = f"{count} dead ({100 * fraction:.2f} %)"
        if self.verbose:
            print(share)
        if self.warn_above is not None and fraction > self.warn_above:
            worst = max(dead, key=lambda name: dead[name].mean())
            text = (
                f"{share}, the largest fraction in {worst!r}. The learning rate is likely too "
                "high; units with leaky variants or normalization do not die."
            )
            self.warn_once(epoch, "many dead", text)
        if self.stop_above is not None and fraction > self.stop_above:
            self.warn(epoch, f"{share}, above `stop_above`: training is stopped.")
            self.model.stop_training = True

    def on_train_end(self, logs=None) -> None:
        if self.mode == "gradient":
            detach(self, self.model)

    def table(self) -> str:
        """A text table of the dead units of each layer at the end of the last epoch."""
        last = self.history[-1] if self.history else {}
        counts = {name: (units.size, int(units.sum())) for name, units in last.items()}
        counts["total"] = (sum(n for n, _ in counts.values()), sum(n for _, n in counts.values()))
        rows = [("layer", "units", "dead", "%")]
        rows += [
            (name, str(units), str(dead), f"{100 * dead / max(units, 1):.2f}")
            for name, (units, dead) in counts.items()
        ]
        rows += [(name, "", "", f"not counted: {why}") for name, why in self.skipped.items()]
        rows += [(name, "", "", "never dies") for name in self.leaky]
        widths = [max(len(row[i]) for row in rows[: len(last) + 2]) for i in range(3)]
        widths[0] = max(len(row[0]) for row in rows)
        return "\n".join(
            f"{row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
            for row in rows
        )

    def _by_gradient(self, epoch):
        """The dead units of each layer. Empty if the optimizer was never asked for an update."""
        moved = {
            id(measured["variable"]): measured["moved"]
            for measured in self._instrument.measurements()
            if "moved" in measured and measured["passed"] and self._instrument.asked
        }
        dead = {
            name: ~moved[id(units.bias)]
            for name, units in zip(self._names, self._counted, strict=True)
            if units.bias is not None and id(units.bias) in moved
        }
        if not dead:
            self.warn_once(epoch, "nothing measured", NOT_MEASURED + ' Use `mode="data"`.')
            return dead
        blocked = [name for name in dead if dead[name].all()]
        if blocked:
            text = (
                f"no unit of {blocked[-1]!r} had a gradient. If all of them are dead, layers "
                'before it get no gradient and count as dead too. `mode="data"` counts exactly.'
            )
            self.warn_once(epoch, "cut off", text)
        return dead

    def _begin_data(self):
        """Create probes of at most four depths. More would take longer to compile."""
        count = len(self._counted)
        self._probes = {}
        for depth in {-(-count * quarter // 4) for quarter in (1, 2, 3, 4)}:
            self._probes[depth] = Probe(self.model, _measures(self._counted[:depth]))

    def _by_data(self):
        silent = [np.ones(units.count, bool) for units in self._counted]
        limit = None if self.examples == "all" else self.examples
        size = batch_size(self.model) or self.batch_size
        for batch in _without_draws(batches(self.data, size, limit, "data")):
            # Run the model up to the last layer with a unit that has not fired yet.
            needed = max((i + 1 for i, units in enumerate(silent) if units.any()), default=0)
            if not needed:
                break
            depth = min(depth for depth in self._probes if depth >= needed)
            for measured in itertools.chain(*self._probes[depth].run(batch)):
                for position, fired in measured.items():
                    silent[int(position)] &= ~fired
        return dict(zip(self._names, silent, strict=True))


def _without_draws(data):
    """The batches of a data set. Its random draws do not affect the random states of training."""
    with random_states_kept():
        yield from data


def _unit_names(counted, names):
    """A unique name for each group of units: the layer's name, with a number if it repeats."""
    taken, result = set(names.values()), []
    for units in counted:
        name = names.get(id(units.layer))
        if name is None or name in result:
            name = unused(name or units.layer.name, taken)
        result.append(name)
    return result


def _measures(counted):
    """The measuring functions of a `Probe`: which units fired for any example."""
    places: dict[int, dict[int, int]] = {}
    for position, units in enumerate(counted):
        for index in units.calls:
            places.setdefault(id(units.layer), {})[index] = position

    def measure_of(here):
        def measure(call):
            if call.index not in here:
                return None
            position = here[call.index]
            rank = len(call.outputs.shape)
            others = [axis for axis in range(rank) if axis != counted[position].axis % rank]
            return {str(position): ops.any(call.outputs > 0, axis=others)}

        return measure

    return {key: measure_of(here) for key, here in places.items()}
