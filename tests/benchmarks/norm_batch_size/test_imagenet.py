"""ImageNet: its batches on mock data, the network, and training on two devices of TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks.harness.data import imagenet
from benchmarks.norm_batch_size.imagenet import EXPERIMENT
from keras_ddl.layers import GroupNormalization

ROOT = Path(__file__).resolve().parents[3]
ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="trained with TensorFlow's devices"
)
DATA = SimpleNamespace(name="imagenet2012", title="ImageNet", fingerprint="tfds:0")
TWO_DEVICES = """
import sys
import tensorflow_datasets as tfds
from benchmarks.norm_batch_size.__main__ import STUDIES
from benchmarks.harness.studies import main

with tfds.testing.mock_data(num_examples=8):
    sys.exit(main("norm_batch_size", STUDIES))
"""


def trials(profile, devices="8", synchronized="no"):
    choices = {"devices": devices, "synchronized": synchronized}
    return list(EXPERIMENT.expand(profile, DATA, seed=0, repetitions=1, choices=choices))


def test_the_rate_follows_the_images_of_a_batch():
    eight = {t.params["batch_size"]: t.params for t in trials("paper")}
    assert eight[32]["learning_rate"] == pytest.approx(0.1)
    assert eight[2]["learning_rate"] == pytest.approx(0.1 / 16)
    assert eight[32]["updates"] == 100 * (1_281_167 // 256)
    one = trials("paper", devices="1")[0].params
    assert one["learning_rate"] == pytest.approx(0.1 / 8)
    assert trials("paper", synchronized="yes")[0].params["synchronized"]


def test_resnet_50_is_normalized_as_requested_and_branches_start_as_zero():
    by_norm = {t.params["norm"]: t for t in trials("paper") if t.params["batch_size"] == 32}
    model = EXPERIMENT.work.build(by_norm["GN"], (32, 32, 3), 10)
    found = [layer for layer in model.layers if isinstance(layer, GroupNormalization)]
    assert len(found) == 53
    assert {layer.groups for layer in found} == {32}
    zero = [layer for layer in found if not keras.ops.any(layer.gamma)]
    assert len(zero) == 16
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


@ON_TENSORFLOW
def test_batches_of_mock_images(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=6):
        data = imagenet.ImageNet(str(tmp_path))
        training = imagenet.batches(data.images("train", seed=1), 16, 4, augment=True)
        x, y = next(iter(training))
        assert (x.shape, y.shape) == ((4, 16, 16, 3), (4,))
        validation = imagenet.batches(data.images("validation"), 16, 4, augment=False)
        sizes = [len(labels) for _, labels in validation]
    assert sizes == [4, 2]  # all images, once
    assert 0 <= np.min(x) < np.max(x) <= 1
    assert data.fingerprint.startswith("tfds:imagenet2012/")


@ON_TENSORFLOW
def test_the_central_crop_of_an_image_is_taken():
    tf = pytest.importorskip("tensorflow")
    image = np.zeros((32, 64, 3), "uint8")
    image[2:30, 18:46] = 255  # 28 of 32 pixels, in the middle
    images = tf.data.Dataset.from_tensors((image, 0))
    ((x, _),) = imagenet.batches(images, 8, 1, augment=False)
    np.testing.assert_array_equal(x, 1)


@pytest.mark.exhaustive
@ON_TENSORFLOW
def test_training_on_two_devices_leaves_records(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    options = ["--study", "imagenet", "--profile", "smoke", "--devices", "2"]
    ran = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, *options, "--out", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_DDL_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "devices 2" in ran.stdout
