"""Compiled forward passes that return what is asked about activations, instead of outputs."""

import contextlib

import keras

from keras_ddl.graph import watch


class Probe(keras.Model):
    """A model's forward pass at inference that returns measurements of its layers' calls.

    Runs through `predict_on_batch`, which Keras compiles on every backend; what the measurements
    do not need is not computed, where the backend drops unused operations. The watched model is
    not changed: no weights of its own, no random draws, no training state.

    Args:
        model: built.
        measure: by identity of a leaf layer, a function from its `keras_ddl.graph.Call` to a
            dictionary of tensors. Of a shared layer every call is measured.
    """

    def __init__(self, model, measure):
        super().__init__(name=f"probe_of_{model.name}")
        self.watched = model
        self._measure = measure
        self.built = True

    def call(self, x, training=False):
        found = []

        def look(call):
            measure = self._measure.get(id(call.layer))
            if measure is not None:
                found.append(measure(call))

        with watch(self.watched, look):
            self.watched(x, training=False)
        return found


@contextlib.contextmanager
def random_stream_kept():
    """PyTorch's data loaders draw from the global random stream, which shuffles training too."""
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    with torch.random.fork_rng(devices=[]):
        yield
