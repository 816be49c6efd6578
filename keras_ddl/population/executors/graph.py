"""TensorFlow: compiles a loop over steps whose body has a branch for each member."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from keras_ddl.population.executors.base import Executor, stacked_outputs
from keras_ddl.population.executors.products import in_blocks


class Graph(Executor):
    """Compiles a loop over steps for each group of members.

    The members of a group are independent branches in the body of one loop. TensorFlow runs them
    in parallel, on as many cores as it has inter-operation threads, or each on a GPU.

    Args:
        models: the members, compiled.
        together: True makes one group of all members (`spread`), False one of each (`loop`).
        devices: names of the devices for the members, or None.
        eager: whether steps run without being compiled.
    """

    def __init__(self, models, *, together, devices=None, eager=False):
        super().__init__(models)
        self.name = "spread" if together else "loop"
        places = range(len(self.models))
        self.groups = [list(places)] if together else [[place] for place in places]
        self.devices = devices
        self.eager = eager
        self._loops: dict = {}

    def forget(self):
        super().forget()
        self._loops = {}

    def _run(self, kind, call):
        leaves = call.examples.on("default", tf.convert_to_tensor)
        indices = tf.convert_to_tensor(call.indices)
        logs: list[dict[str, float]] = [{} for _ in self.models]
        for group in self.groups:
            loop, names = self._loop(kind, group, call)
            values = [value.numpy() for value in loop(leaves, indices)]
            for place, own in zip(group, values, strict=True):
                logs[place] = dict(zip(names[place], own.tolist(), strict=True))
        return logs

    def predict(self, call):
        leaves = call.examples.on("default", tf.convert_to_tensor)
        outputs = [None for _ in self.models]
        for group in self.groups:
            loop, _ = self._loop("predict", group, call)
            parts = [loop(leaves, tf.convert_to_tensor(rows)) for rows in call.indices]
            arrays = keras.tree.map_structure(np.asarray, parts)
            for place, own in enumerate(zip(*arrays, strict=True)):
                outputs[group[place]] = stacked_outputs(list(own))
        return outputs

    def _loop(self, kind, group, call):
        size = call.indices.shape[1]
        key = kind, group[0], call.indices.ndim, size, call.examples.form
        if key not in self._loops:
            self._loops[key] = self._compiled(kind, group, call)
        return self._loops[key]

    def _compiled(self, kind, group, call):
        examples = call.examples
        names: dict[int, list[str]] = {}
        leaves = [tf.TensorSpec([None, *leaf.shape[1:]], leaf.dtype) for leaf in examples.leaves]
        if kind == "predict":
            rows = tf.TensorSpec(call.indices.shape[1:], tf.int32)
            steps = [self._step(kind, place, examples, {}) for place in group]

            def predict(data, rows):
                batches = _batches(data, rows, group, examples.own)
                return [step(batch) for step, batch in zip(steps, batches, strict=True)]

            return self._function(predict, (leaves, rows)), {}

        rows = tf.TensorSpec([None, *call.indices.shape[1:]], tf.int32)
        steps = [self._step(kind, place, examples, names) for place in group]

        def all_steps(data, rows):
            batches = _batches(data, rows, group, examples.own)
            return [step(batch) for step, batch in zip(steps, batches, strict=True)]

        def loop(data, indices):
            # The number of logs of a member is known only after its step is traced in the loop.
            unknown = tf.TensorShape([None])
            _, *logs = tf.while_loop(
                lambda i, *_: i < tf.shape(indices)[0],
                lambda i, *_: (i + 1, *all_steps(data, indices[i])),
                (tf.constant(0), *(tf.zeros([0]) for _ in group)),
                shape_invariants=(tf.TensorShape([]), *(unknown for _ in group)),
            )
            return logs

        def eager_loop(data, indices):
            logs = []
            for rows in indices:
                logs = all_steps(data, rows)
            return logs

        return self._function(eager_loop if self.eager else loop, (leaves, rows)), names

    def _function(self, function, signature):
        if self.eager:
            return function
        compiled = tf.function(function, input_signature=signature)
        compiled.get_concrete_function()  # tracing now gives the names of the logs
        return compiled

    def _step(self, kind, place, examples, names):
        model = self.models[place]
        device = self.devices[place % len(self.devices)] if self.devices else None

        on_a_cpu = device is None and not model.jit_compile and not self.eager
        products = in_blocks if on_a_cpu else contextlib.nullcontext

        def step(leaves):
            with tf.device(device), products(model):
                batch = examples.pack(leaves)
                if kind == "predict":
                    return model.predict_step(batch)
                logs = (model.train_step if kind == "train" else model.test_step)(batch)
                names[place] = list(logs)
                return tf.stack([tf.cast(tf.reduce_mean(v), "float32") for v in logs.values()])

        if self.eager or not model.jit_compile:
            return step  # not as a `tf.function`: TensorFlow runs calls of those one by one
        return tf.function(step, jit_compile=True)


def _batches(data, rows, group, own):
    """The batch of each member; it is gathered only once if all members share it."""
    if rows.shape.rank == 1 and not own:
        return [[tf.gather(leaf, rows) for leaf in data]] * len(group)
    return [_taken(data, rows, place, own) for place in group]


def _taken(data, rows, place, own):
    rows = rows[:, place] if rows.shape.rank == 2 else rows
    taken = [tf.gather(leaf, rows) for leaf in data]
    return [leaf[:, place] for leaf in taken] if own else taken
