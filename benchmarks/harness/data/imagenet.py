"""ImageNet as TensorFlow Datasets has prepared it, for who has it, in batches for Keras."""

import contextlib
import sys
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.harness.data.errors import DataError

NAME, TITLE = "imagenet2012", "ImageNet"
_SHUFFLED = 10_000  # images among which the next is drawn


class ImageNet:
    """What experiments ask of a data set; images are read when they are trained on.

    Args:
        data_dir: where TensorFlow Datasets prepared it; by default its usual folder. Nothing is
            downloaded.
    """

    name, title = NAME, TITLE
    num_classes = 1000
    # The training images are counted by their labels.
    y_train = np.broadcast_to(np.int64(0), (1_281_167,))

    def __init__(self, data_dir: str | None = None):
        self.data_dir = data_dir
        with contextlib.redirect_stdout(sys.stderr):
            import tensorflow_datasets as tfds

            try:
                self.builder = tfds.builder(NAME, data_dir=data_dir)
            except Exception as error:  # it has no common class of errors
                raise DataError(f"{TITLE} cannot be read: {error}.") from error
        self.source = "TensorFlow Datasets"

    @cached_property
    def fingerprint(self) -> str:
        return f"tfds:{self.builder.info.full_name}"

    def images(self, split: str, seed: int | None = None):
        """A `tf.data.Dataset` of `(image, label)`, in an order by the seed, if one is given."""
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
        images: what `ImageNet.images` returned.
        size: height and width in pixels.
        batch_size: images in a batch, over all devices.
        augment: whether a random part of the image is taken, mirrored or not, in an endless row of
            full batches, as for training; if not, its middle, once.
    """
    import tensorflow as tf

    def prepare(image, label):
        return (_random_part if augment else _middle)(image, size), label

    images = images.repeat() if augment else images
    prepared = images.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return prepared.batch(batch_size, drop_remainder=augment).prefetch(tf.data.AUTOTUNE)


def _random_part(image: Any, size: int):
    """8 % to all of the area, up to a third wider or higher than a square (arXiv 1409.4842)."""
    import tensorflow as tf

    begin, extent, _ = tf.image.sample_distorted_bounding_box(
        tf.shape(image),
        tf.zeros((0, 0, 4)),
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    part = tf.image.resize(tf.slice(image, begin, extent), (size, size))
    return tf.ensure_shape(tf.image.random_flip_left_right(part) / 255, (size, size, 3))


def _middle(image: Any, size: int):
    """Of the square in the middle the inner 7/8 by each side, as 224 pixels are of 256."""
    import tensorflow as tf

    shape = tf.shape(image)
    side = tf.cast(tf.reduce_min(shape[:2]) * 7 // 8, tf.int32)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    part = tf.image.crop_to_bounding_box(image, top, left, side, side)
    return tf.ensure_shape(tf.image.resize(part, (size, size)) / 255, (size, size, 3))
