"""TensorFlow: a loop over steps inside the graph, the members as branches of its body."""

import keras
import numpy as np
import tensorflow as tf

from keras_ddl.population.executors.base import Executor, stacked_outputs


class Graph(Executor):
    """Compiles a loop over steps for each group of members.

    The members of a group are branches of one loop's body, which share nothing: TensorFlow runs
    them side by side, on as many cores as it has inter-operation threads, or on a GPU each.

    Args:
        models: the members, compiled.
        together: True makes one group of all members (`spread`), False one of each (`loop`).
        devices: names of the devices that the members lie on, or None.
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
            signature = (leaves, rows)
            return self._function(lambda data, rows: [s(data, rows) for s in steps], signature), {}

        rows = tf.TensorSpec([None, *call.indices.shape[1:]], tf.int32)
        steps = [self._step(kind, place, examples, names) for place in group]

        def loop(data, indices):
            def body(i, *_):
                return (i + 1, *(step(data, indices[i]) for step in steps))

            first = [np.zeros(len(names[place]), "float32") for place in group]
            _, *logs = tf.while_loop(
                lambda i, *_: i < tf.shape(indices)[0], body, (tf.constant(0), *first)
            )
            return logs

        row = tf.TensorSpec(call.indices.shape[1:], tf.int32)
        if self.eager:
            return self._eager_loop(steps), names
        for step in steps:
            step.get_concrete_function(leaves, row)  # traced now, so that `names` are known
        return self._function(loop, (leaves, rows)), names

    def _eager_loop(self, steps):
        def loop(data, indices):
            logs = []
            for rows in indices:
                logs = [step(data, rows) for step in steps]
            return logs

        return loop

    def _function(self, function, signature):
        return function if self.eager else tf.function(function, input_signature=signature)

    def _step(self, kind, place, examples, names):
        model = self.models[place]
        device = self.devices[place % len(self.devices)] if self.devices else None

        def step(data, rows):
            with tf.device(device):
                batch = examples.pack(_taken(data, rows, place, examples.own))
                if kind == "predict":
                    return model.predict_step(batch)
                logs = (model.train_step if kind == "train" else model.test_step)(batch)
                names[place] = list(logs)
                return tf.stack([tf.cast(tf.reduce_mean(v), "float32") for v in logs.values()])

        if self.eager:
            return step
        return tf.function(step, jit_compile=bool(model.jit_compile))


def _taken(data, rows, place, own):
    rows = rows[:, place] if rows.shape.rank == 2 else rows
    taken = [tf.gather(leaf, rows) for leaf in data]
    return [leaf[:, place] for leaf in taken] if own else taken
