"""SWA and TimeStopping in real runs of `fit`."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl import Population
from keras_ddl.callbacks import SWA, TimeStopping

LOOP = "loop" if keras.backend.backend() == "torch" else "auto"


class Recorder(keras.callbacks.Callback):
    """Copies of all weights after each epoch and batch."""

    def __init__(self, batches=False):
        super().__init__()
        self.batches = batches
        self.epochs, self.after = [], []
        if batches:
            self.on_train_batch_end = lambda batch, logs=None: self.after.append(self.weights())

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.weights())

    def weights(self):
        models = self.model.models if isinstance(self.model, Population) else [self.model]
        return [
            np.array(ops.convert_to_numpy(variable.value))
            for model in models
            for variable in model.trainable_variables
        ]


def assert_mean(model, several):
    for index, variable in enumerate(model.trainable_variables):
        expected = np.mean([weights[index] for weights in several], axis=0)
        np.testing.assert_allclose(ops.convert_to_numpy(variable.value), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("every", "chosen"),
    [
        (2, [1, 3]),
        pytest.param(1, [1, 2, 3, 4], marks=pytest.mark.exhaustive),
        pytest.param(lambda epoch: epoch in {0, 2, 4}, [2, 4], marks=pytest.mark.slow),
    ],
)
def test_the_model_ends_with_the_mean_of_the_chosen_epochs(classifier, blobs, every, chosen):
    model, recorder, average = classifier(), Recorder(), SWA(1, every)
    model.fit(*blobs, epochs=5, verbose=0, callbacks=[recorder, average])
    assert average.count == len(chosen)
    assert_mean(model, [recorder.epochs[epoch] for epoch in chosen])
    model.fit(*blobs, epochs=1, verbose=0, callbacks=[average])  # a new average, of no epoch
    assert average.count == 0


# PyTorch runs one step at a time.
@pytest.mark.parametrize("together", [1] if keras.backend.backend() == "torch" else [2])
def test_batches_are_counted_over_epochs(classifier, blobs, together):
    model, recorder = classifier(steps_per_execution=together), Recorder(batches=True)
    average = SWA(3, 4, update_freq="batch")  # batches 3, 7, 11 of 12
    model.fit(*blobs, batch_size=8, epochs=2, verbose=0, callbacks=[recorder, average])
    assert average.count == 3
    assert len(recorder.after) == 12 // together
    assert_mean(model, [recorder.after[batch // together] for batch in (3, 7, 11)])


def test_the_statistics_of_batch_normalization_are_those_of_the_averaged_weights(blobs):
    x, y = blobs
    keras.utils.set_random_seed(0)
    first, norm = layers.Dense(5), layers.BatchNormalization()
    model = keras.Sequential([keras.Input((6,)), first, norm, layers.Dense(2)])
    model.compile(
        keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    for data in (None, x):
        model.fit(x, y, epochs=4, verbose=0, callbacks=[SWA(1, data=data)])
        found = ops.convert_to_numpy(norm.moving_mean.value)
        expected = ops.convert_to_numpy(first(x)).mean(axis=0)
        assert np.allclose(found, expected, atol=1e-4) == (data is not None)


def build(seed):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((6,)), layers.Dense(3), layers.Dense(2, "softmax")])


@pytest.mark.slow
def test_members_of_a_population_are_averaged_separately(blobs):
    population = Population(build, [{"seed": 0}, {"seed": 1}], executor=LOOP)
    population.compile("sgd", "sparse_categorical_crossentropy", learning_rate=[0.1, 0.5])
    for members in (None, [1]):
        recorder = Recorder()
        average = SWA(1, members=members)
        population.fit(*blobs, epochs=3, verbose=0, callbacks=[recorder, average])
        for place in range(2):
            first = 1 if members is None or place in members else 2
            half = slice(4 * place, 4 * place + 4)
            kept = [weights[half] for weights in recorder.epochs[first:]]
            assert_mean(population.member(place), kept)
    with pytest.raises(ValueError, match="update_freq='batch' for a Population"):
        population.fit(*blobs, verbose=0, callbacks=[SWA(0, update_freq="batch")])


@pytest.mark.parametrize("arguments", [{"start": -1}, {"start": 0.5}, {"start": 0, "every": 0}])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=r"Received: (start|every)="):
        SWA(**arguments)


@pytest.mark.parametrize(("update_freq", "batches"), [("epoch", 6), ("batch", 1)])
def test_time_stops_training(classifier, blobs, update_freq, batches):
    model, recorder = classifier(), Recorder(batches=True)
    stopping = TimeStopping(1e-6, update_freq)
    model.fit(*blobs, batch_size=8, epochs=5, verbose=0, callbacks=[recorder, stopping])
    assert (stopping.stopped_epoch, len(recorder.after)) == (0, batches)
    patient = TimeStopping(1e6, update_freq)
    history = model.fit(*blobs, epochs=2, verbose=0, callbacks=[patient])
    assert (patient.stopped_epoch, len(history.epoch)) == (None, 2)


def test_time_needs_a_positive_number():
    with pytest.raises(ValueError, match="`seconds` must be a positive number"):
        TimeStopping(0)
