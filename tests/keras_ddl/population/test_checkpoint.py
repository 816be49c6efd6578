"""A population that was interrupted goes on, bit-equal."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl import Population
from keras_ddl.callbacks import BestMembers
from keras_ddl.population import CheckpointUnreadable, PopulationCheckpoint, member_batches

X = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 96)


def build(seed, dropout_seed=None):
    keras.utils.set_random_seed(seed)
    dropout = layers.Dropout(0.3, seed=dropout_seed)
    hidden = [layers.Dense(8), layers.BatchNormalization(), dropout]
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


def equal_variables(one, other):
    pairs = zip(one.variables, other.variables, strict=True)
    return all(
        np.array_equal(*(ops.convert_to_numpy(variable.value) for variable in pair))
        for pair in pairs
    )


def test_one_model_resumes_if_the_caller_passes_the_batches_from_there(tmp_path):
    order = np.random.default_rng(2).permutation(96).reshape(12, 8)

    def fit(checkpoint, *others):
        model = build(1, dropout_seed=3)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        begin = checkpoint.epoch
        model.fit(
            ((X[rows], Y[rows]) for rows in order[3 * begin :]),
            steps_per_epoch=3,
            shuffle=False,
            epochs=4,
            initial_epoch=begin,
            verbose=0,
            callbacks=[*others, checkpoint],
        )
        return model

    whole = fit(PopulationCheckpoint(tmp_path / "whole.npz"))
    path = tmp_path / "state.npz"

    class After(PopulationCheckpoint):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            Interrupt.on_epoch_end(self, epoch)

    with pytest.raises(KeyboardInterrupt):
        fit(After(path))
    checkpoint = PopulationCheckpoint(path)
    assert checkpoint.epoch == 2
    assert equal_variables(whole, fit(checkpoint))


def test_a_corrupt_file_gives_way_to_the_file_before_it(tmp_path):
    def checkpoint():
        return PopulationCheckpoint(tmp_path / "state.npz", keep=2)

    assert checkpoint().epoch == 0
    compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[checkpoint()])
    newest, previous = checkpoint().files
    assert sorted(tmp_path.iterdir()) == [newest, previous]
    assert checkpoint().epoch == 3
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(CheckpointUnreadable, match="state.npz is corrupt"):
        assert checkpoint().epoch == 2
    previous.write_bytes(previous.read_bytes()[:100])
    with pytest.warns(CheckpointUnreadable):
        assert checkpoint().epoch == 0


def test_saves_are_at_least_some_seconds_apart(tmp_path):
    checkpoint = PopulationCheckpoint(tmp_path / "state.npz", seconds=3600, keep=2)
    compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[checkpoint])
    assert [path.exists() for path in checkpoint.files] == [True, False]  # the last epoch alone


def test_the_state_of_another_callback_is_restored(tmp_path):
    def fit(*after):
        best = BestMembers("val_loss")
        checkpoint = PopulationCheckpoint(tmp_path / "state.npz", others=[best])
        population = compiled()
        from_generator(
            population,
            epochs=4,
            verbose=0,
            validation_data=(X[:32], Y[:32]),
            callbacks=[best, checkpoint, *after],
        )
        return population, best

    whole, best = fit()
    (tmp_path / "state.npz").unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(Interrupt())
    resumed, restored = fit()
    np.testing.assert_array_equal(best.values, restored.values)
    np.testing.assert_array_equal(best.epochs, restored.epochs)
    for place in range(2):
        assert equal_variables(whole.member(place), resumed.member(place))
