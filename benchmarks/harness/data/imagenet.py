"""ImageNet as prepared by TensorFlow Datasets, in batches for Keras."""

import contextlib
import sys
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.harness.data.errors import DataError

# The images are read during training, so nothing compares them with the published ones.
NAME, TITLE = "imagenet2012", "ImageNet (unverified)"
_SHUFFLED = 10_000  # size of the buffer in which images are shuffled


class ImageNet:
    """A data set with the attributes that experiments use; images are read during training.

    Args:
        data_dir: the folder in which TensorFlow Datasets prepared ImageNet. None (default): its
            default folder. Nothing is downloaded.
    """

    name, title = NAME, TITLE
    num_classes = 1000
    # The harness counts the training images by `len(y_train)`; the values are not used.
    y_train = np.broadcast_to(np.int64(0), (1_281_167,))

    def __init__(self, data_dir: str | None = None):
        self.data_dir = data_dir
        with contextlib.redirect_stdout(sys.stderr):
            import tensorflow_datasets as tfds

            try:
                self.builder = tfds.builder(NAME, data_dir=data_dir)
            except Exception as error:  # the library's errors have no common class
                raise DataError(f"{TITLE} cannot be read: {error}.") from error
        self.source = "TensorFlow Datasets"

    @cached_property
    def fingerprint(self) -> str:
        return f"tfds:{self.builder.info.full_name}"

    def images(self, split: str, seed: int | None = None):
        """A `tf.data.Dataset` of `(image, label)`, shuffled by the seed unless it is None."""
        import tensorflow as tf
        import tensorflow_datasets as tfds

        images = self.builder.as_dataset(
            split=split,
            as_supervised=True,
            shuffle_files=seed is not None,
            read_config=tfds.ReadConfig(shuffle_seed=seed),
        )
        options = tf.data.Options()
        options.deterministic = True
        images = images.with_options(options)
        return images if seed is None else images.shuffle(_SHUFFLED, seed)


def batches(images, size: int, batch_size: int, *, augment: bool):
    """Square float32 images with values in [0, 1], in batches.

    Args:
        images: a data set that `ImageNet.images` returned.
        size: height and width in pixels.
        batch_size: images in a batch of all devices together.
        augment: True for training: random crops and flips, in endless full batches. False for
            evaluation: the central crop of each image, once.
    """
    import tensorflow as tf

    def prepare(image, label):
        return (_random_crop if augment else _central_crop)(image, size), label

    images = images.repeat() if augment else images
    prepared = images.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return prepared.batch(batch_size, drop_remainder=augment).prefetch(tf.data.AUTOTUNE)


def _random_crop(image: Any, size: int):
    """A random crop of 8 % to 100 % of the area, aspect ratio 3/4 to 4/3 (arXiv 1409.4842)."""
    import tensorflow as tf

    begin, extent, _ = tf.image.sample_distorted_bounding_box(
        tf.shape(image),
        tf.zeros((0, 0, 4)),
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    crop = tf.image.resize(tf.slice(image, begin, extent), (size, size))
    return tf.ensure_shape(tf.image.random_flip_left_right(crop) / 255, (size, size, 3))


def _central_crop(image: Any, size: int):
    """Crop the central square to 7/8 of its side (224 of 256), then resize."""
    import tensorflow as tf

    shape = tf.shape(image)
    side = tf.cast(tf.reduce_min(shape[:2]) * 7 // 8, tf.int32)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    crop = tf.image.crop_to_bounding_box(image, top, left, side, side)
    return tf.ensure_shape(tf.image.resize(crop, (size, size)) / 255, (size, size, 3))
