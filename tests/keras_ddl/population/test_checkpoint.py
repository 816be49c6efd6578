"""A population that was interrupted goes on, bit-equal."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl import Population
from keras_ddl.population import PopulationCheckpoint, member_batches

X = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 96)


def build(seed):
    keras.utils.set_random_seed(seed)
    hidden = [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(3)])


def compiled(seeds=(1, 2)):
    population = Population(build, [{"seed": seed} for seed in seeds])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    population.compile("adam", loss)
    return population


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def from_generator(population, **options):
    batches = member_batches(X, Y, batch_size=16, seeds=[1, 2])
    return population.fit(batches, steps_per_epoch=4, **options)


def from_arrays(population, **options):
    return population.fit(X, Y, batch_size=20, **options)


@pytest.mark.parametrize("fit", [from_arrays, from_generator])
def test_resumed_runs_are_bit_equal(tmp_path, fit):
    options = {"epochs": 4, "verbose": 0}
    np.random.seed(0)
    whole = compiled()
    fit(whole, **options)
    np.random.seed(0)
    checkpoint = PopulationCheckpoint(tmp_path / "state.npz")
    with pytest.raises(KeyboardInterrupt):
        fit(compiled(), callbacks=[checkpoint, Interrupt()], **options)
    resumed = compiled(seeds=(8, 9))
    history = fit(resumed, callbacks=[checkpoint], **options)
    assert history.epoch == [2, 3]
    for place in range(2):
        pairs = zip(whole.member(place).variables, resumed.member(place).variables, strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(*(ops.convert_to_numpy(v.value) for v in (one, other)))


def test_other_members_are_refused(tmp_path):
    checkpoint = PopulationCheckpoint(tmp_path / "state.npz")
    compiled().fit(X, Y, verbose=0, callbacks=[checkpoint])
    with pytest.raises(ValueError, match="the state of this population"):
        compiled(seeds=(1, 2, 3)).fit(X, Y, verbose=0, callbacks=[checkpoint])
    model = build(1)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match=r"must be a keras_ddl.Population.*Received: a Seq"):
        model.fit(X, Y, verbose=0, callbacks=[checkpoint])
