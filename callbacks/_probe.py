"""Compiled forward passes that return measurements of activations instead of outputs."""

import keras

from keras_ddl._forward import stateless, whole_batches
from keras_ddl.graph import watch


class Probe(keras.Model):
    """A model's forward pass at inference that returns measurements of its layers' calls.

    Keras compiles the pass on every backend. Operations that no measurement needs are not run
    where the backend drops unused operations. The pass changes neither the watched model nor any
    random state.

    Args:
        model: built.
        measure: by identity of a leaf layer (or operation of a functional model), a function from
            its `keras_ddl.graph.Call` to a dictionary of tensors, or to None. A layer that is
            called several times is measured at every call.
    """

    def __init__(self, model, measure):
        # A policy of its own would cast the weights and inputs of the watched model.
        super().__init__(name=f"probe_of_{model.name}", dtype="float32", autocast=False)
        self.watched = model
        self._measure = measure
        self.run_eagerly = bool(getattr(model, "run_eagerly", False))
        self.built = True

    def call(self, x, training=False):
        found = []

        def look(call):
            measure = self._measure.get(id(call.layer))
            measured = None if measure is None else measure(call)
            if measured is not None:
                found.append(measured)

        with watch(self.watched, look, with_operations=True), stateless(self.watched):
            self.watched(x, training=False)
        return found

    def run(self, x):
        """The measurements of all examples, a list for each part of the model's batch size.

        Args:
            x: inputs of a few examples. If the model demands a batch size, the last part is
                filled up with examples from the start.
        """
        return [self.predict_on_batch(part) for part in whole_batches(self.watched, x)]
