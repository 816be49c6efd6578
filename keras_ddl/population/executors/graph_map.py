"""TensorFlow: maps forward and backward passes over the members' stacked weights."""

import contextlib
import logging

import keras
import tensorflow as tf

from keras_ddl.population.executors.graph import Graph


class GraphMap(Graph):
    """Maps the first member's forward and backward pass over the members' stacked weights.

    The optimizer and the metrics of each member then use its part of the result. Members must have
    the same structure and constants, which `Population` checks.

    Args:
        models: the members, compiled, with one output and Keras' default `train_step`.

    Raises:
        ValueError: if the members have several outputs or override `train_step`.
    """

    def __init__(self, models):
        super().__init__(models, together=True)
        self.name = "map"
        template = models[0]
        self._objective = keras.Model()
        several = len(getattr(template, "output_names", [""])) > 1
        if several or type(template).train_step is not keras.Model.train_step:
            raise ValueError(
                "executor='map' on TensorFlow needs models with one output and Keras' default "
                "`train_step`; use 'spread'. "
                f"Received: a {type(template).__name__} of {template.output_names} outputs"
            )
        if template.compiled:
            self._objective.compile(loss=template.loss, auto_scale_loss=False)

    def _compiled(self, kind, group, call):
        if kind != "train":
            return super()._compiled(kind, group, call)
        names = {place: list(m.get_metrics_result()) for place, m in enumerate(self.models)}

        def loop(data, indices):
            def body(i, *_):
                return (i + 1, *self._mapped_step(data, indices[i], call.examples))

            first = [tf.zeros(len(names[place])) for place in group]
            _, *logs = tf.while_loop(
                lambda i, *_: i < tf.shape(indices)[0], body, (tf.constant(0), *first)
            )
            return logs

        leaves = [
            tf.TensorSpec([None, *leaf.shape[1:]], leaf.dtype) for leaf in call.examples.leaves
        ]
        rows = tf.TensorSpec([None, *call.indices.shape[1:]], tf.int32)
        jit = bool(self.models[0].jit_compile)
        compiled = tf.function(loop, input_signature=(leaves, rows), jit_compile=jit)
        with _without_loop_notes():
            compiled.get_concrete_function()
        return compiled, names

    def _mapped_step(self, data, rows, examples):
        batches = [self._batch(data, rows, examples, place) for place in range(len(self.models))]
        shared = rows.shape.rank == 1 and not examples.own
        state = {
            "trained": _stack([m.trainable_variables for m in self.models]),
            "untrained": _stack([m.non_trainable_variables for m in self.models]),
            "scale": tf.stack([m.optimizer.scale_loss(tf.constant(1.0)) for m in self.models]),
        }
        if not shared:
            leaves = zip(*(keras.tree.flatten(batch) for batch in batches), strict=True)
            state["batch"] = [tf.stack(leaf) if leaf[0] is not None else () for leaf in leaves]

        def member(one):
            batch = batches[0]
            if not shared:
                parts = [None if isinstance(leaf, tuple) else leaf for leaf in one["batch"]]
                batch = keras.tree.pack_sequence_as(batch, parts)
            return self._gradients(one, *batch)

        found = tf.vectorized_map(member, state)
        return [
            self._finish(
                model, batch, keras.tree.map_structure(lambda leaf, k=place: leaf[k], found)
            )
            for place, (model, batch) in enumerate(zip(self.models, batches, strict=True))
        ]

    def _gradients(self, one, x, y, weight):
        with tf.GradientTape() as tape:
            tape.watch(one["trained"])
            outputs, untrained, extra = self.models[0].stateless_call(
                one["trained"], one["untrained"], x, training=True, return_losses=True
            )
            loss = self._objective.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=weight)
            loss = loss + sum(tf.cast(part, loss.dtype) for part in extra)
            scaled = loss * tf.cast(one["scale"], loss.dtype)
        gradients = tape.gradient(
            scaled, one["trained"], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return {
            "gradients": gradients,
            "untrained": untrained,
            "loss": loss,
            "outputs": outputs,
        }

    def _finish(self, model, batch, found):
        """Update the variables of one member, and return its logs as a vector."""
        x, y, weight = batch
        for variable, value in zip(model.non_trainable_variables, found["untrained"], strict=True):
            variable.assign(value)
        model.optimizer.apply(found["gradients"], model.trainable_variables)
        count = tf.shape(keras.tree.flatten(x)[0])[0]
        tracker = next(metric for metric in model.metrics if metric.name == "loss")
        tracker.update_state(found["loss"], sample_weight=count)
        logs = model.compute_metrics(x, y, found["outputs"], sample_weight=weight)
        return tf.stack([tf.cast(value, "float32") for value in logs.values()])

    def _batch(self, data, rows, examples, place):
        rows = rows[:, place] if rows.shape.rank == 2 else rows
        leaves = [tf.gather(leaf, rows) for leaf in data]
        return examples.pack([leaf[:, place] for leaf in leaves] if examples.own else leaves)


def _stack(members):
    return [
        tf.stack([tf.convert_to_tensor(v.value) for v in same])
        for same in zip(*members, strict=True)
    ]


@contextlib.contextmanager
def _without_loop_notes():
    """Hide TensorFlow's message, for every layer, that random numbers are drawn in a loop."""
    logger = logging.getLogger("tensorflow")

    def about_anything_else(record):
        return "while_loop for converting Stateless" not in record.getMessage()

    logger.addFilter(about_anything_else)
    try:
        yield
    finally:
        logger.removeFilter(about_anything_else)
