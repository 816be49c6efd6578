"""Snapshots at the ends of cycles, and their ensemble."""

import keras
import numpy as np
import pytest

from keras_ddl import Population
from keras_ddl.callbacks import SnapshotEnsemble

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")


def build(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)]
    )


def fitted(model, snapshots, epochs):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss)
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[snapshots])


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_the_ensemble_is_the_mean_of_the_snapshots():
    model, snapshots = build(), SnapshotEnsemble(2)
    fitted(model, snapshots, 7)
    assert len(snapshots.weights) == 3
    final = model.get_weights()
    parts = []
    for weights in snapshots.weights[-2:]:
        model.set_weights(weights)
        parts.append(softmax(model.predict(X, verbose=0)))
    model.set_weights(final)
    ensemble = snapshots.ensemble(last=2, activation="softmax")
    np.testing.assert_allclose(ensemble.predict(X, verbose=0), np.mean(parts, axis=0), atol=1e-5)
    assert not np.allclose(*parts)


def test_members_of_a_population_have_ensembles_of_their_own():
    population, snapshots = Population(build, [{"seed": 0}, {"seed": 1}]), SnapshotEnsemble(1)
    fitted(population, snapshots, 2)
    last = snapshots.ensemble(last=1, member=1)
    expected = population.member(1).predict(X, verbose=0)
    np.testing.assert_allclose(last.predict(X, verbose=0), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"`member` must be .*Received: member=None"):
        snapshots.ensemble()


@pytest.mark.parametrize("last", [0, 3])
def test_too_many_snapshots_are_refused(last):
    snapshots = SnapshotEnsemble(1)
    fitted(build(), snapshots, 2)
    with pytest.raises(ValueError, match="`last` must be"):
        snapshots.ensemble(last=last)


def test_a_cycle_has_epochs():
    with pytest.raises(ValueError, match="`epochs` must be a positive integer"):
        SnapshotEnsemble(0)
