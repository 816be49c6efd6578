"""Each member of a population gets the weights of its best epoch."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.callbacks import BestMembers

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")
LOOP = "loop" if keras.backend.backend() == "torch" else "auto"


def build(seed):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)]
    )


def compiled(model, **settings):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], **settings)
    return model


class Snapshots(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append([state(self.model, place) for place in range(self.model.count)])


def state(population, place):
    return [np.array(ops.convert_to_numpy(v.value)) for v in population.member(place).variables]


@pytest.mark.parametrize(
    ("monitor", "mode"), [("val_loss", "auto"), ("val_accuracy", "auto"), ("loss", "max")]
)
def test_every_member_ends_with_its_best_epoch(monitor, mode):
    population = Population(build, [{"seed": seed} for seed in range(4)], executor=LOOP)
    compiled(population, learning_rate=[0.01, 0.5, 3.0, 1e38])  # the last diverges
    best, snapshots = BestMembers(monitor, mode), Snapshots()
    with pytest.warns(UserWarning, match="not finite"):
        history = population.fit(
            X,
            Y,
            validation_data=(X[:20], Y[:20]),
            batch_size=16,
            epochs=5,
            verbose=0,
            callbacks=[best, snapshots],
        )
    values = np.array(history.history[monitor])
    highest = mode == "max" or "accuracy" in monitor
    for member in range(4):
        finite = np.isfinite(values[:, member])
        if not finite.any():
            assert best.epochs[member] == -1
            continue
        pick = np.nanargmax if highest else np.nanargmin
        epoch = pick(np.where(finite, values[:, member], np.nan))
        assert best.epochs[member] == epoch
        assert best.values[member] == values[epoch, member]
        expected = snapshots.weights[epoch][member]
        for mine, kept in zip(state(population, member), expected, strict=True):
            np.testing.assert_array_equal(mine, kept)


def test_without_restoring_the_last_weights_stay():
    population = compiled(Population(build, [{"seed": 0}, {"seed": 1}], executor=LOOP))
    best, snapshots = BestMembers("loss", "max", restore=False), Snapshots()
    population.fit(X, Y, epochs=3, verbose=0, callbacks=[best, snapshots])
    for place in range(2):
        for mine, last in zip(state(population, place), snapshots.weights[-1][place], strict=True):
            np.testing.assert_array_equal(mine, last)


def test_bad_use_is_refused_with_the_name_of_the_argument():
    model = compiled(build(0))
    with pytest.raises(ValueError, match=r"must be a keras_ddl.Population.*Received: a Sequential"):
        model.fit(X, Y, verbose=0, callbacks=[BestMembers()])
    population = compiled(Population(build, [{"seed": 0}], executor=LOOP))
    with pytest.raises(ValueError, match=r"need `validation_data`. Received: monitor='val_loss'"):
        population.fit(X, Y, verbose=0, callbacks=[BestMembers()])
    with pytest.raises(ValueError, match="`mode` must be one of"):
        BestMembers(mode="most")
