"""ValidationSets adds results on further data sets to the logs, and does not change training."""

import csv

import keras
import numpy as np
import pytest

from keras_ddl.callbacks import ValidationSets


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def compiled(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_results_equal_those_of_evaluate(data):
    x, y = data
    model = compiled()
    watch = ValidationSets({"head": (x[:10], y[:10]), "all": (x, y)}, batch_size=7)
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[watch]).history
    assert len(history["head_loss"]) == 2
    for name, part in (("head", slice(10)), ("all", slice(None))):
        loss, accuracy = model.evaluate(x[part], y[part], verbose=0)
        assert history[f"{name}_loss"][-1] == pytest.approx(loss, rel=1e-5)
        assert history[f"{name}_accuracy"][-1] == pytest.approx(accuracy)


def test_training_is_bit_equal_with_and_without_it(data):
    weights = []
    for callbacks in ([], [ValidationSets({"train": data})]):
        model = compiled(seed=1)
        model.fit(*data, epochs=3, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_later_callbacks_see_the_results(data, tmp_path):
    x, y = data
    callbacks = [
        ValidationSets({"extra": (x, y)}),
        keras.callbacks.EarlyStopping("extra_loss", patience=0, mode="max"),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
    ]
    history = compiled().fit(x, y, epochs=20, verbose=0, callbacks=callbacks).history
    assert len(history["loss"]) < 20  # stopped as soon as the loss had fallen
    with (tmp_path / "log.csv").open() as file:
        assert "extra_accuracy" in next(csv.reader(file))


def test_sample_weights_and_py_datasets_are_taken(data):
    x, y = data

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            part = slice(20 * index, 20 * index + 20)
            return x[part], y[part]

    weighted = (x, y, np.where(np.arange(60) < 20, 1.0, 0.0).astype("float32"))
    model = compiled()
    watch = ValidationSets({"weighted": weighted, "batches": Batches()})
    history = model.fit(x, y, epochs=1, verbose=0, callbacks=[watch]).history
    assert history["batches_accuracy"][0] == pytest.approx(model.evaluate(x, y, verbose=0)[1])
    expected = model.evaluate(*weighted[:2], sample_weight=weighted[2], verbose=0)[0]
    assert history["weighted_loss"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("sets", [{}, None, [("a", 1)], "train"])
def test_what_is_no_mapping_of_sets_is_refused(sets):
    with pytest.raises(ValueError, match=r"`sets` must be a mapping.*Received"):
        ValidationSets(sets)


@pytest.mark.parametrize("name", ["val", "", 3])
def test_a_bad_name_is_refused(name, data):
    with pytest.raises(ValueError, match="a name in `sets` must be a string other than 'val'"):
        ValidationSets({name: data})


def test_two_callbacks_with_one_name_are_refused(data):
    twice = [ValidationSets({"again": data}), ValidationSets({"again": data})]
    with pytest.raises(ValueError, match="already have 'again_"):
        compiled().fit(*data, epochs=1, verbose=0, callbacks=twice)
