"""SanityChecks: a healthy run passes, and each fault is named with its cause."""

import keras
import numpy as np
import pytest

from keras_ddl.callbacks import SanityChecks, TrainingWarning

# Warnings that a test does not ask for are given again after `pytest.warns`; weights, and so what
# else there is to warn of, differ by backend.
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
    assert "raise it" in found["update_ratio"]
    with pytest.warns(TrainingWarning):
        assert (
            "lower it" in results(classifier(keras.optimizers.SGD(100.0)), *blobs)["update_ratio"]
        )


def test_a_loss_that_is_lost_is_named(classifier, blobs):
    model = classifier(loss=lambda y, prediction: np.nan * prediction)
    with pytest.warns(TrainingWarning, match="the loss is nan. Likely the learning rate"):
        results(model, *blobs)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"one length.*Received: lengths \[3, 4\]"):
        SanityChecks(np.zeros((3, 2)), np.zeros(4))


def test_what_is_no_array_is_refused():
    with pytest.raises(ValueError, match=r"`y` must be arrays.*Received: y of type list"):
        SanityChecks(np.zeros((3, 2)), [0, 1, 0])


def test_inputs_that_do_not_fit_are_refused(classifier, blobs):
    checks = SanityChecks(np.zeros((5, 7), "float32"), np.zeros(5))
    with pytest.raises(ValueError, match=r"SanityChecks: the model cannot run `x`.*\(5, 7\)"):
        classifier().fit(*blobs, verbose=0, callbacks=[checks])
