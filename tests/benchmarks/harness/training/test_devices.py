"""Training on two devices, in a separate process that splits the processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks.harness.training.backend import BackendError
from benchmarks.harness.training.devices import data_parallel, provide

ROOT = Path(__file__).resolve().parents[4]
BACKEND = keras.backend.backend()
PARALLEL = pytest.mark.skipif(BACKEND == "torch", reason="TensorFlow's and JAX's devices")
ON_TWO = """
import dataclasses
import json
from benchmarks.harness.training import devices
devices.provide(2)
import keras
import numpy as np
from benchmarks.harness import data
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Profile, Trial
from benchmarks.harness.training.group import Group
from benchmarks.harness.training.trainer import Trainer
from benchmarks.networks.norms import make

PARAMS = {
    "batch_momentum": 0.5, "ghost_size": 4, "train_size": 64, "validation_size": 40,
    "curve_examples": 40,
}
models = []

def build(trial, input_shape, num_classes):
    inputs = keras.Input(input_shape)
    x = make(trial.params).layer(1, "ones")(inputs)
    outputs = keras.layers.Dense(num_classes, kernel_initializer="zeros")
    models.append(keras.Model(inputs, outputs(keras.layers.Flatten()(x))))
    return models[-1]

experiment = Experiment(
    name="demo", version=1, summary="", profiles={"quick": Profile(PARAMS, 1)},
    paper_dataset="MNIST", grid=None,
    work=Training(build, optimizer=lambda trial: keras.optimizers.SGD(0.1, momentum=0.9)),
)
train = Trainer(experiment, data.load("digits"))

def trial(**params):
    return Trial("demo", 1, "quick", "digits", "0", 0, 0, {**PARAMS, **params})

def variance(model):
    (found,) = (layer for layer in model.layers if hasattr(layer, "moving_variance"))
    return float(np.asarray(found.moving_variance)[0])

one_step = {"norm": "BN", "updates": 1, "points": 1, "batch_size": 8, "devices": 2}
moving = []
for synchronized in (False, True):
    train(trial(**one_step, synchronized=synchronized))
    moving.append(variance(models[-1]))
x, _ = next(Group.make([trial(**one_step)], train.splits).batches())

four_steps = {"norm": "LN", "updates": 4, "points": 2}
trained = []
for shares in ({"batch_size": 16}, {"batch_size": 8, "devices": 2}):
    metrics = train(trial(**four_steps, **shares)).metrics
    trained.append([metrics, *(np.asarray(w).tolist() for w in models[-1].get_weights())])
print(json.dumps({
    "moving": moving,
    "whole": float(x.var()),
    "halves": [float(x[:8].var()), float(x[8:].var())],
    "alternate": [float(x[::2].var()), float(x[1::2].var())],
    "trained": trained,
}))
"""


@pytest.fixture(scope="module")
def results():
    ran = subprocess.run(
        [sys.executable, "-c", ON_TWO],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@PARALLEL
def test_two_devices_train_as_one_with_batches_twice_as_large(results):
    (alone, *weights_alone), (together, *weights) = results["trained"]
    assert together == pytest.approx(alone, rel=1e-4)
    for one, other in zip(weights, weights_alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@PARALLEL
def test_statistics_of_each_device_or_of_all(results):
    separate, synchronized = results["moving"]
    assert synchronized == pytest.approx(0.5 * 1 + 0.5 * results["whole"], rel=1e-4)
    expected = 1.0
    # TensorFlow predicts with the moving statistics of the first device. Elsewhere ghost batches
    # update the statistics one after the other.
    for variance in results["halves"][:1] if BACKEND == "tensorflow" else results["alternate"]:
        expected = 0.5 * expected + 0.5 * variance
    assert separate == pytest.approx(expected, rel=1e-4)


@PARALLEL
def test_more_devices_than_there_are():
    keras.ops.ones(1)  # the backend has started
    with pytest.raises(BackendError, match=r"at most .*Received: devices=64"):
        provide(64)


@pytest.mark.skipif(BACKEND != "torch", reason="the error of PyTorch")
def test_a_backend_without_devices():
    with pytest.raises(BackendError, match="KERAS_BACKEND"):
        provide(2)


def test_one_device_needs_no_scope():
    provide(1)
    with data_parallel(1) as scope:
        assert scope is None
