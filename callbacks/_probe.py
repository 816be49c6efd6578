"""Compiled forward passes that return measurements of activations instead of outputs."""

import keras

from keras_ddl._forward import stateless, whole_batches
from keras_ddl.graph import watch


class Probe(keras.Model):
    """A model's forward pass at inference that returns measurements of its layers' calls.

    Keras compiles the pass on every backend. Backends that remove unused operations skip those that
    no measurement needs. The pass changes neither the measured model nor any random state.

    Args:
        model: a built model.
        measure: a dictionary from the `id` of a leaf layer (or of an operation of a functional
            model) to a function. The function takes the layer's `keras_ddl.graph.Call` and returns
            a dictionary of tensors, or None. A layer that is called several times is measured at
            every call.
    """

    def __init__(self, model, measure):
        # Without these two arguments, a global mixed-precision policy would apply to the probe, and
        # would cast the inputs and weights of the measured model.
        super().__init__(name=f"probe_of_{model.name}", dtype="float32", autocast=False)
        self.watched = model
        self._measure = measure
        self.run_eagerly = bool(getattr(model, "run_eagerly", False))
        self.built = True

    def call(self, x, training=False):
        measurements = []

        def hook(call):
            measure = self._measure.get(id(call.layer))
            measured = None if measure is None else measure(call)
            if measured is not None:
                measurements.append(measured)

        with watch(self.watched, hook, with_operations=True), stateless(self.watched):
            self.watched(x, training=False)
        return measurements

    def run(self, x):
        """The measurements on all examples, as one list per batch.

        Args:
            x: inputs of a few examples. They form one batch, unless the model requires a batch
                size. In this case the last batch is filled up with examples from the start.
        """
        return [self.predict_on_batch(batch) for batch in whole_batches(self.watched, x)]
