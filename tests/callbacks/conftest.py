"""Models and data that the callbacks' tests share."""

import keras
import numpy as np
import pytest
from keras import layers


@pytest.fixture(scope="session")
def blobs():
    """48 examples of two classes that are easy to tell apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 6)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


@pytest.fixture
def classifier():
    """Creates equal compiled classifiers with dropout, which draws random numbers in training."""

    def make(optimizer=None, activation="relu", compiled=True, loss=None, **options):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(11, activation=activation, name="hidden"),
                layers.Dropout(0.3),
                layers.Dense(2, activation="softmax", name="output"),
            ]
        )
        if compiled:
            optimizer = keras.optimizers.SGD(0.1) if optimizer is None else optimizer
            model.compile(optimizer, loss or "sparse_categorical_crossentropy", **options)
        return model

    return make


@pytest.fixture
def subclassed():
    """Makes a compiled subclassed model that holds a functional one."""

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            inputs = keras.Input((6,))
            hidden = layers.ReLU(name="inner_relu")(layers.Dense(5, name="inner")(inputs))
            self.inner = keras.Model(inputs, hidden)
            self.output_layer = layers.Dense(2, activation="softmax", name="last")

        def call(self, x):
            return self.output_layer(self.inner(x))

    def make():
        keras.utils.set_random_seed(1)
        model = Outer()
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    return make
