"""Mirrored and cropped images."""

import numpy as np
import pytest
from keras import ops

from benchmarks.networks.augmentation import MirrorAndCrop


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(200, 6, 5, 3)).astype("float32")


def test_at_inference_images_stay(images):
    np.testing.assert_array_equal(ops.convert_to_numpy(MirrorAndCrop(seed=0)(images)), images)


def test_each_image_is_a_crop_of_its_padded_copy_or_of_the_mirrored_one(images):
    padding = 2
    layer = MirrorAndCrop(padding, seed=0)
    cropped = ops.convert_to_numpy(layer(images, training=True))
    seen = set()
    for image, crop in zip(images, cropped, strict=True):
        pad = (padding, padding)
        padded = np.pad(image, (pad, pad, (0, 0)))
        (found,) = {
            (row, column, step)
            for row in range(2 * padding + 1)
            for column in range(2 * padding + 1)
            for step in (1, -1)
            if np.array_equal(padded[row : row + 6, column : column + 5][:, ::step], crop)
        }
        seen.add(found)
    assert len(seen) > 45  # of 50: each image has a crop of its own
