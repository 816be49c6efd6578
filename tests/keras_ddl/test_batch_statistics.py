"""`update_batch_norm` against the statistics of the whole data."""

import random

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.layers import EvoNormB0, GhostBatchNormalization, SwitchableNormalization
from keras_ddl.surgery import update_batch_norm

X = np.random.default_rng(0).normal(3, 2, (50, 4, 4, 3)).astype("float32")


def values(variables):
    return [ops.convert_to_numpy(variable.value) for variable in variables]


@pytest.mark.parametrize(
    "make",
    [
        layers.BatchNormalization,
        lambda: GhostBatchNormalization(4),
        SwitchableNormalization,
    ],
)
def test_statistics_are_those_of_the_whole_data(make):
    """At any batch size, and whatever the moving statistics were."""
    model = keras.Sequential([keras.Input((4, 4, 3)), make()])
    layer = model.layers[0]
    layer.moving_mean.assign([np.nan] * 3)
    assert update_batch_norm(model, X, batch_size=16) == 1
    np.testing.assert_allclose(values([layer.moving_mean])[0], X.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(values([layer.moving_variance])[0], X.var((0, 1, 2)), rtol=1e-4)
    assert layer.momentum == 0.99


def test_a_layer_that_keeps_no_mean_gets_the_mean_of_the_batches_variances():
    model = keras.Sequential([keras.Input((4, 4, 3)), EvoNormB0()])
    update_batch_norm(model, X, batch_size=25)
    expected = (X[:25].var((0, 1, 2)) + X[25:].var((0, 1, 2))) / 2
    np.testing.assert_allclose(values([model.layers[0].moving_variance])[0], expected, rtol=1e-4)


def nested():
    keras.utils.set_random_seed(0)
    shared = layers.BatchNormalization(name="shared")
    inner = keras.Sequential([keras.Input((2, 2, 5)), layers.BatchNormalization(name="inner")])
    inputs = keras.Input((4, 4, 3))
    x = shared(inputs)
    x = layers.Dropout(0.5)(shared(x + 1.0))
    x = layers.BatchNormalization(name="frozen", trainable=False)(layers.Conv2D(5, 3)(x))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(inner(x))))


def test_nested_shared_and_frozen_layers():
    model = nested()
    before, state = values(model.variables), random.getstate()
    assert update_batch_norm(model, ((X[i : i + 25], 0) for i in (0, 25))) == 2
    assert random.getstate() == state
    moved = {
        variable.path
        for old, variable in zip(before, model.variables, strict=True)
        if (old != ops.convert_to_numpy(variable.value)).any()
    }
    assert {path.rpartition("/")[0].rpartition("/")[2] for path in moved} == {"shared", "inner"}
    # The second call of the shared layer sees the first one's output, of mean 1 and variance 1.
    mean = values([model.get_layer("shared").moving_mean])[0]
    np.testing.assert_allclose(mean, (X.mean((0, 1, 2)) + 1) / 2, rtol=1e-3)


def test_later_layers_see_normalized_batches_without_dropout():
    model = nested()
    update_batch_norm(model, X, batch_size=50)
    conv, inner = model.layers[-5], model.layers[-3]
    x = ops.convert_to_tensor(X)
    norm = layers.BatchNormalization()
    seen = norm(norm(x, training=True) + 1.0, training=True)
    seen = ops.convert_to_numpy(model.get_layer("frozen")(conv(seen), training=False))
    found = values([inner.layers[0].moving_mean])[0]
    np.testing.assert_allclose(found, seen.mean((0, 1, 2)), rtol=1e-3, atol=1e-4)


def test_errors():
    model = keras.Sequential([layers.BatchNormalization()])
    with pytest.raises(ValueError, match="`model` must be built"):
        update_batch_norm(model, X)
    model.build((None, 4, 4, 3))
    with pytest.raises(ValueError, match="`data` must hold at least one example"):
        update_batch_norm(model, iter([]))
    with pytest.raises(ValueError, match="`batch_size` must be"):
        update_batch_norm(model, X, batch_size=0)
    assert update_batch_norm(keras.Sequential([keras.Input((3,)), layers.Dense(1)]), X) == 0
