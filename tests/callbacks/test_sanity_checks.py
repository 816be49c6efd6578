"""SanityChecks: a healthy run passes, and each fault is named with its cause."""

import keras
import numpy as np
import pytest

from keras_ddl.callbacks import SanityChecks, TrainingWarning

# `pytest.warns` repeats the warnings that it does not match. Which other warnings there are depends
# on the initial weights, and so on the backend.
pytestmark = pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning")


def results(model, x, y, epochs=1, **options):
    checks = SanityChecks(x, y, **{"overfit_steps": 0, **options})
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, callbacks=[checks])
    return checks.results


def test_a_healthy_run_passes_all(classifier, blobs):
    model = classifier(keras.optimizers.SGD(0.05, momentum=0.9))
    weights = model.get_layer("output").get_weights()
    model.get_layer("output").set_weights([0.2 * weight for weight in weights])
    found = results(model, *blobs, overfit_steps=150, update_ratio=(1e-4, 1e-1))
    assert found == dict.fromkeys(
        ("data", "labels", "initial_loss", "overfit", "loss", "update_ratio"), "ok"
    )


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (lambda x: 50 * x + 200, "data", "not normalised: mean"),
        (lambda x: np.where(x > 2, np.inf, x), "data", "values that are not finite"),
        (lambda x: (100 * np.abs(x)).astype("uint8"), "data", "x / 255"),
    ],
)
def test_faults_of_the_data_are_named(change, check, words, classifier, blobs):
    x, y = blobs
    with pytest.warns(TrainingWarning):
        found = results(classifier(), change(x), y)
    assert words in found[check]


def test_labels_out_of_range_are_named(classifier, blobs):
    x, y = blobs
    checks = SanityChecks(x, y + 1)
    with pytest.warns(
        TrainingWarning, match="labels go from 1 to 2.*2 outputs.*Do they begin at 1"
    ):
        classifier().fit(x, y, verbose=0, callbacks=[checks])
    assert checks.results["labels"] != "ok"
    assert "initial_loss" not in checks.results


def test_an_initial_loss_far_from_ln_c_is_named(classifier, blobs):
    model = classifier()
    weights = model.get_layer("output").get_weights()
    model.get_layer("output").set_weights([100 * weight for weight in weights])
    with pytest.warns(TrainingWarning):
        found = results(model, *blobs)
    assert "ln 2 = 0.693. Likely the last layer's initial weights" in found["initial_loss"]


def test_a_learning_rate_far_off_is_named(classifier, blobs):
    with pytest.warns(TrainingWarning):
        found = results(classifier(keras.optimizers.SGD(1e-9)), *blobs, overfit_steps=5)
    assert "could not be overfitted" in found["overfit"]
    assert "raise the learning rate" in found["update_ratio"]
    with pytest.warns(TrainingWarning):
        assert (
            "lower it" in results(classifier(keras.optimizers.SGD(100.0)), *blobs)["update_ratio"]
        )


def test_a_loss_that_is_lost_is_named(classifier, blobs):
    model = classifier(loss=lambda y, prediction: np.nan * prediction)
    with pytest.warns(TrainingWarning, match="the loss is nan. Likely the learning rate"):
        results(model, *blobs)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"the same length.*Received: lengths \[3, 4\]"):
        SanityChecks(np.zeros((3, 2)), np.zeros(4))


def test_what_is_no_array_is_refused():
    with pytest.raises(ValueError, match=r"`y` must be arrays.*Received: y of type list"):
        SanityChecks(np.zeros((3, 2)), [0, 1, 0])


def test_inputs_that_do_not_fit_are_refused(classifier, blobs):
    checks = SanityChecks(np.zeros((5, 7), "float32"), np.zeros(5))
    with pytest.raises(ValueError, match=r"SanityChecks: the model cannot run `x`.*\(5, 7\)"):
        classifier().fit(*blobs, verbose=0, callbacks=[checks])


def two_headed(loss, names=("a", "b")):
    keras.utils.set_random_seed(1)
    one, two = keras.Input((3,), name="one"), keras.Input((3,), name="two")
    hidden = keras.layers.Concatenate()([one, two])
    outputs = {
        names[0]: keras.layers.Dense(3, "softmax", name=names[0])(hidden),
        names[1]: keras.layers.Dense(1, "sigmoid", name=names[1])(hidden),
    }
    model = keras.Model({"one": one, "two": two}, outputs)
    model.compile(keras.optimizers.SGD(0.01), loss)
    return model


@pytest.mark.parametrize("bad", [None, "a", "b"])
def test_several_outputs_in_dictionaries(bad, blobs):
    x, y = blobs
    inputs = {"one": x[:, :3], "two": x[:, 3:]}
    labels = {"a": y + (2 if bad == "a" else 0), "b": y[:, None] + (2 if bad == "b" else 0)}
    model = two_headed({"a": "sparse_categorical_crossentropy", "b": "binary_crossentropy"})
    checks = SanityChecks(inputs, labels, overfit_steps=2)
    with pytest.warns(TrainingWarning):
        model.fit(
            {"one": x[:, :3], "two": x[:, 3:]},
            {"a": y, "b": y[:, None]},
            callbacks=[checks],
            verbose=0,
        )
    if bad:
        assert f"of output {bad!r} go from 2 to 3" in checks.results["labels"]
    else:
        assert checks.results["labels"] == "ok"
        assert checks.results["initial_loss"] == "ok"  # near ln 3 + ln 2


def test_several_outputs_in_lists(blobs):
    x, y = blobs
    inputs = keras.Input((6,))
    outputs = [keras.layers.Dense(2, "softmax", name=name)(inputs) for name in ("a", "b")]
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.01), ["sparse_categorical_crossentropy", "mse"])
    checks = SanityChecks(x, [y, np.eye(2)[y]], overfit_steps=2)
    with pytest.warns(TrainingWarning):
        model.fit(x, [y, np.eye(2)[y]], verbose=0, callbacks=[checks])
    assert checks.results["labels"] == "ok"
    checks = SanityChecks(x, [y + 1, np.eye(2)[y]], overfit_steps=2)
    with pytest.warns(TrainingWarning, match="of output 'a' go from 1 to 2"):
        model.fit(x, [y, np.eye(2)[y]], verbose=0, callbacks=[checks])


def test_a_label_that_the_loss_ignores_is_in_range(classifier, blobs):
    x, y = blobs
    y = np.where(np.arange(len(y)) % 5 == 0, 255, y)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=255)
    checks = SanityChecks(x, y, overfit_steps=2)
    with pytest.warns(TrainingWarning):
        classifier(loss=loss).fit(x, y, verbose=0, callbacks=[checks])
    assert checks.results["labels"] == "ok"
    assert "overfit" in checks.results


def test_labels_as_strings_are_named(classifier, blobs):
    x, y = blobs
    checks = SanityChecks(x, y.astype(str))
    with pytest.warns(TrainingWarning, match=r"`y` has str.*Map labels to integers"):
        classifier().fit(x, y, verbose=0, callbacks=[checks])


@pytest.mark.parametrize(
    "options", [{"overfit_steps": "10"}, {"update_ratio": ("3e-5", 1.0)}, {"examples": "9"}]
)
def test_numbers_as_strings_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=rf"`{name}` must be a.*Received: {name}='"):
        SanityChecks(np.zeros((3, 2)), np.zeros(3), **options)
