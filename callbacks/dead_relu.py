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
    """Count the units of ReLU layers, channels of convolutions, that never fire.

    A unit that is negative for every example passes no gradient and, as a rule, never comes back.
    Counted are layers with a ReLU as `activation` (Keras' own, `tf.nn.relu`, a lambda that does the
    same), `ReLU`, `Activation` and `Lambda` layers, and `keras.ops.relu` in a functional model, in
    nested and subclassed models too. A ReLU layer that is used at several places has units of its
    own at each. Variants with a gradient below zero (leaky ReLU, ELU, GELU ...) cannot die and are
    reported as such. Two ways to count:

    - `mode="gradient"`, the default, is free: a unit that fired for no example of an epoch had a
      bias gradient of exactly zero at every step, which the compiled step itself records
      (`keras_ddl.optimizers.Instrumented`). It needs a trained bias, or the offset of a
      normalization, right before the ReLU; layers without one are listed in `skipped`, with the
      reason. If all units that a unit feeds are dead, no gradient comes back and the unit looks
      dead too: a warning names layers that are cut off so.
    - `mode="data"` is exact: the examples given are run through the network at the end of each
      epoch. Units are watched only until they fire, layers only while some unit has not, and
      nothing behind the last such layer is computed.

    `logs` get `dead_relus`, `dead_relu_fraction` and, by layer, `dead_relus/<layer>` and
    `dead_relu_fraction/<layer>`. An epoch in which nothing could be measured adds no entries.

    ```python
    dead = DeadReLUCounter(verbose=True)
    model.fit(x, y, callbacks=[dead])  # prints "1 dead (9.09 %)" each epoch
    print(dead.table())
    ```

    Args:
        mode: "gradient" (the default) or "data".
        data: inputs for `mode="data"`: an array, a list or dictionary of arrays for several
            inputs, or a data set of batches (not shuffled, lest it draw from the random stream of
            training). In mode "gradient" one example is taken of it to trace a model whose input
            shapes are not known.
        examples: how many of `data` are run each epoch. Default 2000. "all": the whole.
        batch_size: of these runs, for arrays. Default 1000.
        verbose: whether to print the count each epoch. Default False.
        warn_above: fraction; a larger one gives a warning, once. Default None: none.
        stop_above: fraction; a larger one stops training. Default None: never.
        per_layer: whether `logs` get the entries of single layers. Default True.

    Attributes:
        history: list of one dictionary per epoch, from layer names to dead units as a boolean
            array.
        skipped: dictionary from layer names to why their units are not counted.
        leaky: names of layers with a variant that never dies.

    Raises:
        ValueError: when training begins, if the model has no ReLU, is not built, or cannot run
            `data`; or if the arguments are wrong.
    """

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
        found = relu_units(self.model, first_examples(self, self.model, self.data, 1))
        inside = hidden_relus(self.model)
        if not found:
            some = f"; {self.leaky} never die" if self.leaky else ""
            some += f"; {[names[id(one)] for one in inside]} loop over time" if inside else ""
            raise ValueError(
                "DeadReLUCounter: the model has no ReLU layer that can be watched. Leave the "
                "callback out, or use layers for functions that a `call` method applies itself. "
                f"Received: model={self.model.name!r}{some}"
            )
        self._names = _unit_names(found, names)
        self._counted = found
        self._told: set[str] = set()
        self.skipped = {
            names[id(layer)]: "its ReLUs run within a loop over time" for layer in inside
        }
        if self.mode == "data":
            self._begin_data()
            return
        without = {
            name: units.why_not
            for name, units in zip(self._names, found, strict=True)
            if units.bias is None
        }
        self.skipped |= without
        if len(without) == len(found):
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
                f"{share}, most of them in {worst!r}. The learning rate is likely too high; leaky "
                "variants and normalization do not die."
            )
            self._once(epoch, "many", text)
        if self.stop_above is not None and fraction > self.stop_above:
            self.warn(epoch, f"{share}, above `stop_above`: training is stopped.")
            self.model.stop_training = True

    def on_train_end(self, logs=None) -> None:
        if self.mode == "gradient":
            detach(self, self.model)

    def table(self) -> str:
        """Dead units by layer at the end of the last epoch, as text."""
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
        """Dead units by layer; none if the optimizer was never asked for an update."""
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
            self._once(epoch, "nothing", NOT_MEASURED + ' Use `mode="data"`.')
            return dead
        whole = [name for name in dead if dead[name].all()]
        if whole:
            text = (
                f"no unit of {whole[-1]!r} had a gradient. If they are dead, layers before it get "
                'no gradient either and count as dead here: `mode="data"` tells them apart.'
            )
            self._once(epoch, "cut off", text)
        return dead

    def _once(self, epoch, what, text):
        if what not in self._told:
            self._told.add(what)
            self.warn(epoch, text)

    def _begin_data(self):
        """Compile probes of at most four depths: fewer take less time to compile."""
        count = len(self._counted)
        self._probes = {}
        for depth in {-(-count * quarter // 4) for quarter in (1, 2, 3, 4)}:
            self._probes[depth] = Probe(self.model, _measures(self._counted[:depth]))

    def _by_data(self):
        silent = [np.ones(units.count, bool) for units in self._counted]
        limit = None if self.examples == "all" else self.examples
        size = batch_size(self.model) or self.batch_size
        for batch in _without_draws(batches(self.data, size, limit, "data")):
            # Up to the last layer in which some unit has not fired yet.
            needed = max((i + 1 for i, units in enumerate(silent) if units.any()), default=0)
            if not needed:
                break
            depth = min(depth for depth in self._probes if depth >= needed)
            for found in itertools.chain(*self._probes[depth].run(batch)):
                for position, fired in found.items():
                    silent[int(position)] &= ~fired
        return dict(zip(self._names, silent, strict=True))


def _without_draws(given):
    """Batches of a data set whose own draws leave the random streams of training as they are."""
    with random_states_kept():
        yield from given


def _unit_names(counted, names):
    """A name for each group of units: the layer's, with a number at its further places."""
    taken, found = set(names.values()), []
    for units in counted:
        name = names.get(id(units.layer))
        if name is None or name in found:
            name = unused(name or units.layer.name, taken)
        found.append(name)
    return found


def _measures(counted):
    """What a probe measures, by identity of a layer: which units fired for some example."""
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
