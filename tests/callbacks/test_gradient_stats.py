"""GradientStats: norms by hand, and warnings that name the layer."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ddl.callbacks import GradientStats, LearningRateSchedule, TrainingWarning
from keras_ddl.optimizers import Instrumented
from keras_ddl.schedules import LinearDecay

# `pytest.warns` repeats the warnings that it does not match. Which other warnings there are depends
# on the initial weights, and so on the backend.
pytestmark = pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning")


def test_norms_and_ratios_of_a_linear_model_equal_those_by_hand():
    """Loss = mean prediction: the gradient is the mean input whatever the weights."""
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, use_bias=False, name="only")])
    weight = model.get_weights()[0]
    model.compile(keras.optimizers.SGD(0.5), lambda y, prediction: prediction)
    stats = GradientStats(every=1)
    logs = model.fit(x, x[:, :1], batch_size=8, verbose=0, callbacks=[stats]).history
    norm = np.linalg.norm(x.mean(axis=0))
    assert logs["gradient_norm"][0] == pytest.approx(norm, rel=1e-5)
    assert logs["gradient_norm/only"][0] == pytest.approx(norm, rel=1e-5)
    ratio = 0.5 * norm / np.linalg.norm(weight)
    assert logs["update_ratio/only"][0] == pytest.approx(ratio, rel=1e-4)


def test_layers_with_the_same_name_are_distinguished(blobs):
    def block():
        return keras.Sequential([keras.Input((6,)), layers.Dense(6, name="same")])

    model = keras.Sequential([keras.Input((6,)), block(), block(), layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    stats = GradientStats()
    model.fit(*blobs, verbose=0, callbacks=[stats])
    assert {"gradient_norm/same", "gradient_norm/same_2"} <= stats.history[0].keys()


def test_a_vanishing_gradient_is_named(blobs):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, name="starved"),
            layers.Dense(8, kernel_initializer=keras.initializers.Constant(1e-9)),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    stats = GradientStats()
    with pytest.warns(TrainingWarning, match="the gradient vanishes in 'starved'"):
        model.fit(*blobs, epochs=2, verbose=0, callbacks=[stats])
    assert len({text for _, text in stats.messages}) == len(stats.messages)  # once each


def test_an_exploding_gradient_is_named(blobs, classifier):
    # Not by large inputs: they saturate the softmax, whose gradient is then 0 on some backends.
    model = classifier(loss=lambda y, prediction: 1e6 * prediction[:, 0])
    with pytest.warns(TrainingWarning, match="gradients explode.*largest in '(hidden|output)'"):
        model.fit(*blobs, verbose=0, callbacks=[GradientStats(vanishing=None)])


def test_a_gradient_that_is_not_finite_is_named(blobs, classifier):
    x, y = blobs
    with pytest.warns(TrainingWarning, match="gradient of 'hidden'.* is not finite"):
        classifier().fit(np.nan * x, y, verbose=0, callbacks=[GradientStats()])


def test_single_layers_may_be_left_out_of_the_logs(blobs, classifier):
    stats = GradientStats(per_layer=False)
    logs = classifier().fit(*blobs, verbose=0, callbacks=[stats]).history
    assert [name for name in logs if "/" in name] == []
    assert "update_ratio/hidden" in stats.history[0]


def test_every_must_be_positive():
    with pytest.raises(ValueError, match="`every` must be a positive integer"):
        GradientStats(every=0)


@pytest.mark.parametrize("others", [[], ["schedule before"], ["schedule after"]], ids=str)
def test_one_update_in_every_is_measured(others):
    """Whatever else is on the optimizer; on JAX by a step of its own."""

    class Measured(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            optimizer = self.model.optimizer
            while not isinstance(optimizer, Instrumented):
                optimizer = optimizer.optimizer
            counts.append(optimizer.measured)

    counts = []
    callbacks = [GradientStats(every=3), Measured()]
    if others:
        schedule = LearningRateSchedule(LinearDecay(0.1, 100))
        callbacks.insert(0 if others == ["schedule before"] else 1, schedule)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    x = np.ones((40, 4), "float32")
    model.fit(x, x[:, :3], batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
    assert counts == [4, 4]  # of ten steps: 0, 3, 6 and 9
