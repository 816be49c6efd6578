"""RBM pre-training: the layers' weights learn to reconstruct their inputs."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.initializers import rbm_pretrain

RNG = np.random.default_rng(0)
PATTERNS = RNG.random((4, 20)) < 0.5
X = PATTERNS[RNG.integers(0, 4, 400)].astype("float32")  # four patterns, a few bits flipped
X = np.abs(X - (RNG.random(X.shape) < 0.02)).astype("float32").reshape(-1, 4, 5)


def network(**kwargs):
    return keras.Sequential(
        [
            keras.Input((4, 5)),
            layers.Flatten(),
            layers.Dense(16, "sigmoid", name="first", **kwargs),
            layers.Dropout(0.5),
            layers.Dense(8, "sigmoid", name="second", **kwargs),
            layers.Dense(3, name="head"),
        ]
    )


def kernel(model, name):
    return ops.convert_to_numpy(model.get_layer(name).kernel.value)


def pretrain(model, x=X, epochs=15, **options):
    options = {"learning_rate": 0.2, "batch_size": 20, "seed": 1, **options}
    return rbm_pretrain(model, x, epochs, **options)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_reconstruction_error_falls_far_below_that_of_the_mean(steps):
    model = network()
    head = kernel(model, "head")
    report = pretrain(model, steps=steps)
    first, second = report.errors.values()
    assert first[-1] < 0.3 * X.var()
    assert first[-1] < 0.5 * first[0]
    assert second[-1] < second[0]
    np.testing.assert_array_equal(kernel(model, "head"), head)
    assert len(str(report).splitlines()) == 3


def test_the_layers_weights_are_the_machines():
    """A downward pass through the layer's own kernel restores the patterns, without its bias."""
    model = network()
    pretrain(model, X, epochs=40)
    weights, bias = model.get_layer("first").get_weights()
    hidden = 1 / (1 + np.exp(-(PATTERNS @ weights + bias)))
    back = hidden @ weights.T
    back -= back.mean(axis=0)
    clean = PATTERNS - PATTERNS.mean(axis=0)
    assert np.corrcoef(back.ravel(), clean.ravel())[0, 1] > 0.9


def test_gaussian_visible_units_learn_real_numbers():
    centres = RNG.normal(size=(3, 20))
    x = (centres[RNG.integers(0, 3, 300)] + 0.1 * RNG.normal(size=(300, 20))).astype("float32")
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    report = pretrain(
        network(), x.reshape(-1, 4, 5), epochs=30, visible="gaussian", learning_rate=0.02
    )
    first = next(iter(report.errors.values()))
    assert first[-1] < 0.4


def test_it_starts_a_network_better_than_chance():
    """A linear classifier on the learned features must distinguish the patterns."""
    model = network()
    pretrain(model)
    labels = (X.reshape(-1, 1, 20) == PATTERNS[None]).mean(axis=-1).argmax(axis=-1)
    features = keras.Model(model.inputs[0], model.get_layer("second").output)
    codes = ops.convert_to_numpy(features(X))
    centres = np.stack([codes[labels == label].mean(axis=0) for label in range(4)])
    nearest = np.square(codes[:, None] - centres).sum(axis=-1).argmin(axis=-1)
    assert (nearest == labels).mean() > 0.95


def test_frozen_layers_and_absent_biases_stay():
    model = network(use_bias=False)
    model.get_layer("first").trainable = False
    before = kernel(model, "first")
    report = pretrain(model, epochs=2)
    np.testing.assert_array_equal(kernel(model, "first"), before)
    assert [name.split("/")[-1] for name in report.errors] == ["second"]


def test_a_report_without_trained_layers_is_empty():
    model = network()
    for layer in model.layers:
        layer.trainable = False
    report = pretrain(model, epochs=2)
    assert not report.errors
    assert str(report) == "RBM: reconstruction error, first and last epoch"


def test_a_seed_repeats_it():
    models = [network(), network()]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        pretrain(model, epochs=2)
    np.testing.assert_allclose(kernel(models[0], "second"), kernel(models[1], "second"), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"visible": "binary"}, "visible"),
        ({"epochs": 0}, "epochs"),
        ({"steps": 1.5}, "steps"),
        ({"batch_size": 0}, "batch_size"),
        ({"x": X - 1}, "x"),
        ({"x": None}, "x"),
        ({"x": [X, X]}, "x"),
        ({"x": X.astype(str)}, "x"),
        ({"x": X.tolist()}, "x"),
        ({"x": iter(())}, "x"),
        ({"learning_rate": "0.1"}, "learning_rate"),
        ({"momentum": 2}, "momentum"),
        ({"weight_decay": None}, "weight_decay"),
    ],
)
def test_bad_arguments_are_named(options, name):
    with pytest.raises(ValueError, match=rf"`{name}` must .*Received: "):
        pretrain(network(), **options)


@pytest.mark.parametrize("form", [lambda x: [x], lambda x: {"images": x}, lambda x: iter([x])])
def test_one_input_may_come_in_any_form(form):
    models = [network(), network()]
    models[1].set_weights(models[0].get_weights())
    pretrain(models[0])
    pretrain(models[1], x=form(X))
    np.testing.assert_array_equal(kernel(models[0], "first"), kernel(models[1], "first"))


def test_inputs_that_the_model_cannot_run_are_refused():
    with pytest.raises(ValueError, match=r"`model` cannot run `x`.*Received: x of shape"):
        pretrain(network(), X.reshape(-1, 20))


def test_a_layer_under_lora_is_refused():
    model = network()
    model.get_layer("first").enable_lora(2)
    with pytest.raises(ValueError, match=r"plain kernels.*Received: .* with <Dense"):
        pretrain(model)


def test_a_network_without_hidden_dense_layers_is_refused():
    for model in (
        keras.Sequential([keras.Input((4, 5)), layers.Flatten(), layers.Dense(2)]),
        keras.Sequential([keras.Input((4, 5)), layers.Dense(3), layers.Flatten(), layers.Dense(2)]),
    ):
        with pytest.raises(ValueError, match=r"`model` must .*Received: "):
            pretrain(model)
