"""JAX: compiles a loop over steps for each member, and runs one thread for each device."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from keras_ddl.population.executors.base import Executor, stacked_outputs


class Scan(Executor):
    """Compiles a loop over steps for each member, and runs one thread for each device.

    Members share an executable if their steps are the same program with the same constants.

    Args:
        models: the members, compiled.
        devices: `jax.Device`s over which members are spread.
        name: "spread" or "loop".
    """

    def __init__(self, models, *, devices, name="spread"):
        super().__init__(models)
        self.name = name
        self.devices = list(devices)
        self.home = _shares(models, self.devices)
        self._state: Any = None
        self._programs = Programs(self.models)
        self._compiled: dict[Any, Any] = {}
        # Each device is one core here, so an operation must not use several threads.
        split = self.devices[0].platform == "cpu" and len(self.devices) > 1
        self._options = {"xla_cpu_multi_thread_eigen": False} if split else None

    def forget(self):
        super().forget()
        self.sync()
        self._programs = Programs(self.models)
        self._compiled = {}

    def sync(self, final=False):
        if self._state is not None:
            for model, state in zip(self.models, self._state, strict=True):
                write(model, state)
            self._state = None
        if final:
            for model in self.models:
                for variable in _variables(model):
                    variable.assign(jax.device_put(variable.value, self.devices[0]))

    def _run(self, kind, call):
        if self._state is None:
            self._state = [
                jax.device_put(read(model), device)
                for model, device in zip(self.models, self.home, strict=True)
            ]
        feeds = self._feeds(call)
        programs = self._programs.of(kind, self._state, call)
        jobs = []
        for place, device in enumerate(self.home):
            leader, names = programs[place]
            jobs.append((place, self._lowered(kind, leader, place, feeds[device], call), names))
        logs: list[Any] = [None] * len(self.models)

        def work(device):
            for place, compiled, names in jobs:
                if self.home[place] == device:
                    position = np.int32(place)
                    run = compiled()
                    state, values = run(self._state[place], *feeds[device], position)
                    self._state[place] = state
                    values = np.asarray(jax.block_until_ready(values))
                    logs[place] = dict(zip(names, values.tolist(), strict=True))

        with ThreadPoolExecutor(len(self.devices)) as pool:
            list(pool.map(work, dict.fromkeys(self.home)))
        return logs

    def _feeds(self, call):
        indices, count = padded(call.indices)
        return {
            device: (
                call.examples.on(device, lambda leaf, d=device: jax.device_put(leaf, d)),
                jax.device_put(indices, device),
                jax.device_put(np.int32(count), device),
            )
            for device in dict.fromkeys(self.home)
        }

    def _lowered(self, kind, leader, place, feed, call):
        """A function that returns the executable. Its first call compiles, in a worker thread."""
        leaves, indices, _ = feed
        shapes = tuple(leaf.shape for leaf in leaves), indices.shape
        key = kind, leader, self.home[place], call.examples.form, shapes
        if key not in self._compiled:
            program = self._programs.loop(kind, leader, call.examples)
            jitted = jax.jit(program, donate_argnums=0, compiler_options=self._options)
            lowered = jitted.lower(self._state[place], *feed, np.int32(place))
            self._compiled[key] = Once(lowered.compile)
        return self._compiled[key]

    def predict(self, call):
        self.sync()
        outputs: list[Any] = [None] * len(self.models)
        jobs = [
            (place, *self._predictor(place, model, call)) for place, model in enumerate(self.models)
        ]

        def work(device):
            for place, compiled, state, leaves in jobs:
                if self.home[place] == device:
                    run = compiled()
                    parts = [
                        run(state, leaves, jax.device_put(r, device), np.int32(place))
                        for r in call.indices
                    ]
                    outputs[place] = stacked_outputs([jax.tree.map(np.asarray, p) for p in parts])

        with ThreadPoolExecutor(len(self.devices)) as pool:
            list(pool.map(work, dict.fromkeys(self.home)))
        return outputs

    def _predictor(self, place, model, call):
        """A function that returns the executable, and the arguments that precede the rows."""
        device, examples = self.home[place], call.examples
        state = jax.device_put(read(model)[:2], device)
        leaves = examples.on(device, lambda leaf: jax.device_put(leaf, device))
        key = "predict", place, examples.form, len(examples), call.indices.shape[1:]
        if key not in self._compiled:

            def step(state, data, rows, position):
                batch = examples.pack(taken(data, rows, position, examples.own))
                return model.predict_step(state, batch)[0]

            rows = jax.device_put(call.indices[0], device)
            jitted = jax.jit(step, compiler_options=self._options)
            lowered = jitted.lower(state, leaves, rows, np.int32(place))
            shared = "predict", device, lowered.as_text(), signature(state)
            self._compiled.setdefault(shared, Once(lowered.compile))
            self._compiled[key] = self._compiled[shared]
        return self._compiled[key], state, leaves


def signature(state: Any) -> Any:
    """Structure, shapes and data types of a state.

    The text of a program does not have the arguments that it does not use, such as the seeds of
    dropout in a prediction. Members with different ones cannot share it.
    """
    leaves, structure = jax.tree.flatten(state)
    return structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


class Once:
    """Calls a function once, and returns its result at every call.

    Args:
        function: takes no arguments.
    """

    def __init__(self, function):
        self._function, self._result = function, None

    def __call__(self):
        if self._function is not None:
            self._result, self._function = self._function(), None
        return self._result


class Programs:
    """The members' training steps as programs. Members may share one.

    Args:
        models: the members.
    """

    def __init__(self, models):
        self.models = models
        self._of: dict[str, Any] = {}

    def of(self, kind, states, call):
        """For each member, the first member with the same program, and the names of its logs.

        Two members have the same program if their steps lower to the same text, which includes all
        constants.

        Args:
            kind: "train" or "test".
            states: the states of the members.
            call: any call, for the shapes of batches.
        """
        if kind in self._of:
            return self._of[kind]
        leaders: dict[Any, int] = {}
        found = []
        for place, (model, state) in enumerate(zip(self.models, states, strict=True)):
            names: list[str] = []
            size = call.indices.shape[1]
            leaves = [
                jax.ShapeDtypeStruct((size, *leaf.shape[1 + call.examples.own :]), leaf.dtype)
                for leaf in call.examples.leaves
            ]
            shapes = jax.tree.map(lambda one: jax.ShapeDtypeStruct(one.shape, one.dtype), state)
            step = step_of(kind, model, names)
            text = jax.jit(step).lower(shapes, call.examples.pack(leaves)).as_text()
            found.append((leaders.setdefault((text, signature(state)), place), names))
        self._of[kind] = found
        return found

    def loop(self, kind, place, examples):
        """The loop over the steps of one member, as a pure function."""
        step = step_of(kind, self.models[place], [])
        count = len(self._of[kind][place][1])

        def run(state, data, indices, steps, position):
            def body(i, carry):
                rows = indices[i]
                return step(carry[0], examples.pack(taken(data, rows, position, examples.own)))

            first = state, jnp.zeros(count, "float32")
            return jax.lax.fori_loop(0, steps, body, first)

        return run


def taken(data, rows, place, own):
    """The rows of every array, for one member if members differ."""
    rows = rows[:, place] if rows.ndim == 2 else rows
    return [leaf[rows, place] if own else leaf[rows] for leaf in data]


def padded(indices):
    """Pad index batches to a power of two, so that few lengths are compiled; return the count."""
    count = len(indices)
    room = 1 << (count - 1).bit_length()
    width = [(0, room - count)] + [(0, 0)] * (indices.ndim - 1)
    return np.pad(indices, width), count


def step_of(kind, model, names):
    """Keras' step as a function of the whole state, with the logs as one vector."""

    def step(state, batch):
        if kind == "train":
            logs, state = model.train_step(tuple(state), batch)
        else:
            trained, untrained, optimizer, metrics = state
            logs, (trained, untrained, metrics) = model.test_step(
                (trained, untrained, metrics), batch
            )
            state = trained, untrained, optimizer, metrics
        names[:] = list(logs)
        values = jnp.stack([jnp.mean(jnp.asarray(v, "float32")) for v in logs.values()])
        return tuple(map(list, state)), values

    return step


def read(model: keras.Model) -> Any:
    """The values of all variables that a training step changes."""
    return (
        [v.value for v in model.trainable_variables],
        [v.value for v in model.non_trainable_variables],
        [v.value for v in _optimizer_variables(model)],
        [v.value for v in model.metrics_variables],
    )


def _optimizer_variables(model):
    optimizer = getattr(model, "optimizer", None)  # models that are not compiled have none
    return [] if optimizer is None else optimizer.variables


def _variables(model):
    return [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *_optimizer_variables(model),
        *model.metrics_variables,
    ]


def write(model: keras.Model, state: Any) -> None:
    """Assign the values that `read` returns."""
    for variable, value in zip(_variables(model), [v for part in state for v in part], strict=True):
        variable.assign(value)


def _shares(models, devices):
    """Choose a device for each member, so that all devices have about as many parameters."""
    loads = dict.fromkeys(devices, 0)
    home: list[Any] = [None] * len(models)
    for place in sorted(range(len(models)), key=lambda k: -models[k].count_params()):
        home[place] = min(loads, key=loads.__getitem__)
        loads[home[place]] += max(models[place].count_params(), 1)
    return home
