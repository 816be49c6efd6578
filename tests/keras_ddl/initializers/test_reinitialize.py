"""`reinitialize`: new weights as of a new model, from a seed."""

import random

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.initializers import ConvolutionAware, XavierNormal, reinitialize
from keras_ddl.layers import WeightNormalization

X = np.random.default_rng(0).normal(2, 3, size=(16, 6, 6, 2)).astype("float32")


def values(model):
    return {v.path: np.array(ops.convert_to_numpy(v.value)) for v in model.variables}


def build():
    shared = layers.Conv2D(4, 3, padding="same", kernel_initializer=XavierNormal(seed=3))
    scaling = layers.Normalization()
    scaling.adapt(X)
    x = inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(scaling(x))
    x = layers.BatchNormalization()(shared(shared(x)))
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), layers.Flatten(), WeightNormalization(layers.Dense(3))]
    )
    x = layers.Reshape((3, 1))(layers.Dropout(0.2, seed=1)(inner(x)))
    return keras.Model(inputs, layers.Bidirectional(layers.SimpleRNN(2))(x))


def test_a_model_starts_anew():
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    initial = values(model)
    model.fit(X, np.zeros((16, 4)), epochs=2, verbose=0)
    state = random.getstate()
    reinitialize(model, seed=1)
    assert random.getstate() == state
    first = values(model)
    for path, value in first.items():
        name = path.rsplit("/", 1)[-1]
        if "normalization" in path and "weight" not in path:
            np.testing.assert_array_equal(value, initial[path])
        elif name in {"kernel", "recurrent_kernel", "g"}:
            assert np.abs(value - initial[path]).min() > 0, path
            if value.size > 10:
                assert value.std() == pytest.approx(initial[path].std(), rel=0.5)
    assert int(ops.convert_to_numpy(model.optimizer.iterations)) == 0
    losses = []
    for seed in (1, 1, 2):
        reinitialize(model, seed)
        history = model.fit(X, np.zeros((16, 4)), epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_without_a_seed_every_call_differs():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, kernel_initializer="he_normal")])
    keras.utils.set_random_seed(4)
    reinitialize(model)
    first = model.get_weights()[0]
    reinitialize(model)
    assert (model.get_weights()[0] != first).all()


def test_what_cannot_be_initialized_is_named_and_nothing_changes():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)
            self.scale = self.add_weight(shape=(), name="scale")

        def call(self, x):
            return self.dense(x) * self.scale

    model = Own()
    with pytest.raises(ValueError, match="must be built"):
        reinitialize(model)
    model(np.ones((1, 3), "float32"))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"belong to a model itself.*scale"):
        reinitialize(model, 1)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="`seed` must be"):
        reinitialize(model, 1.5)


@pytest.mark.parametrize("shape", [(3, 3, 5, 8), (5, 40, 6), (3, 3, 3, 2, 4), (1, 1, 6, 7)])
def test_convolution_aware_kernels(shape):
    kernel = ops.convert_to_numpy(ConvolutionAware(seed=1)(shape)).astype("float64")
    assert kernel.shape == shape
    assert kernel.var() == pytest.approx(2 / np.prod(shape[:-1]), rel=1e-3)
    again = ops.convert_to_numpy(ConvolutionAware(seed=1)(shape))
    np.testing.assert_allclose(kernel, again, rtol=1e-5)
    fresh = ConvolutionAware()
    assert (ops.convert_to_numpy(fresh(shape)) != ops.convert_to_numpy(fresh(shape))).any()


def test_the_spectra_of_a_unit_are_orthonormal_up_to_scale():
    """Without noise, five filters of 3x3, with six frequencies, for each of eight units."""
    kernel = ops.convert_to_numpy(ConvolutionAware(eps_std=0, seed=1)((3, 3, 5, 8)))
    spectra = np.fft.rfftn(kernel.astype("float64"), axes=(0, 1))
    # A real spectrum whose inverse is taken loses its part that is not symmetric.
    assert np.abs(spectra.imag).max() < 0.5 * np.abs(spectra.real).max() + 1
    matrix = ops.convert_to_numpy(ConvolutionAware(seed=1)((6, 4)))
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(4), atol=1e-5)
    with pytest.raises(ValueError, match="`eps_std` must not be negative"):
        ConvolutionAware(eps_std=-1)
