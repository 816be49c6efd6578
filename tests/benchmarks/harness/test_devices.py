"""Training on two devices, in a process of its own that splits its processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from benchmarks.harness.devices import data_parallel

ROOT = Path(__file__).resolve().parents[3]
BACKEND = keras.backend.backend()
PARALLEL = pytest.mark.skipif(BACKEND == "torch", reason="TensorFlow's and JAX's devices")
ONE_STEP = """
import json
import keras
import numpy as np
from benchmarks.harness import data
from benchmarks.harness.batches import batches
from benchmarks.harness.devices import split_processor
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.spec import Profile, Trial
from benchmarks.norms import make

PARAMS = {
    "norm": "BN", "devices": 2, "batch_size": 8, "batch_momentum": 0.5, "train_size": 64,
    "validation_size": 40, "updates": 1, "points": 1, "curve_examples": 40,
}
models = []

def build(trial, input_shape, num_classes):
    inputs = keras.Input(input_shape)
    x = make(trial.params).layer(1, "ones")(inputs)
    models.append(keras.Model(inputs, keras.layers.Dense(num_classes)(keras.layers.Flatten()(x))))
    return models[-1]

def optimizer(trial):
    return keras.optimizers.SGD(0.1)

experiment = Experiment(
    name="demo", version=1, summary="", profiles={"quick": Profile(PARAMS, 1)},
    paper_dataset="MNIST", grid=None, build=build, optimizer=optimizer,
)
trials = [
    Trial("demo", 1, "quick", "digits", "0", 0, 0, {**PARAMS, "synchronized": synchronized})
    for synchronized in (False, True)
]
split_processor(trials)
from benchmarks.harness.train import Trainer

train = Trainer(experiment, data.load("digits"))
moving, records = [], [train(trial) for trial in trials]
for model in models:
    norm = next(layer for layer in model.layers if hasattr(layer, "moving_variance"))
    moving.append(float(np.asarray(norm.moving_variance)[0]))
(split,) = train._data(trials[:1])
x, _ = next(batches(split.train, 16, trials[0].derive("order")))
print(json.dumps({
    "moving": moving,
    "whole": float(x.var()),
    "halves": [float(x[:8].var()), float(x[8:].var())],
    "alternate": [float(x[::2].var()), float(x[1::2].var())],
    "errors": [record.metrics["validation_error"] for record in records],
}))
"""


@PARALLEL
def test_statistics_of_each_device_or_of_all():
    ran = subprocess.run(
        [sys.executable, "-c", ONE_STEP],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    own, synchronized = found["moving"]
    assert synchronized == pytest.approx(0.5 * 1 + 0.5 * found["whole"], rel=1e-4)
    if BACKEND == "tensorflow":  # Keras keeps those of the first device
        assert own == pytest.approx(0.5 * 1 + 0.5 * found["halves"][0], rel=1e-4)
    else:  # ghost batches, one after the other
        expected = 1.0
        for variance in found["alternate"]:
            expected = 0.5**0.5 * expected + (1 - 0.5**0.5) * variance
        assert own == pytest.approx(expected, rel=1e-4)
    assert all(0 <= error <= 100 for error in found["errors"])


@PARALLEL
def test_more_devices_than_there_are():
    keras.ops.ones(1)  # TensorFlow has started
    with pytest.raises(ValueError, match=r"at most .*Received: 64"):
        data_parallel(64)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's refusal")
def test_a_backend_without_devices():
    with pytest.raises(ValueError, match="KERAS_BACKEND"):
        data_parallel(2)


def test_one_device_is_nothing_special():
    with data_parallel(1):
        assert keras.distribution.distribution() is None
