"""Augmentation of small images: each is mirrored at random, and cropped from a padded copy."""

import keras
from keras import ops


class MirrorAndCrop(keras.layers.Layer):
    """Mirrors each image with probability 1/2, pads it with zeros and crops it at random.

    This is the usual augmentation of CIFAR-10. At inference images stay as they are.

    Args:
        padding: pixels added on each side. The crop has the size of the image. Default 4.
        seed: of the random numbers.

    Input shape: `(batch, height, width, channels)`. Output shape: the same.

    Reference: He et al. (2015), arXiv 1512.03385, section 4.2.
    """

    def __init__(self, padding: int = 4, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        batch, (height, width) = ops.shape(inputs)[0], inputs.shape[1:3]
        pad = (self.padding, self.padding)
        padded = ops.pad(inputs, ((0, 0), pad, pad, (0, 0)))
        mirrored = self._random(batch) < 0.5
        rows = self._window(batch, height)
        columns = self._window(batch, width)
        columns = ops.where(mirrored[:, None], ops.flip(columns, axis=1), columns)
        # Products with 0 and 1 pick rows and columns exactly, and are fast on every device.
        pick_rows = ops.one_hot(rows, height + sum(pad), dtype=inputs.dtype)
        pick_columns = ops.one_hot(columns, width + sum(pad), dtype=inputs.dtype)
        cropped = ops.einsum("bhk,bkwc->bhwc", pick_rows, padded)
        return ops.einsum("bvw,bhwc->bhvc", pick_columns, cropped)

    def _random(self, batch):
        return keras.random.uniform((batch,), seed=self.seed_generator)

    def _window(self, batch, size: int):
        """The places in a padded image of `size` neighbouring rows or columns."""
        first = ops.floor(self._random(batch) * (2 * self.padding + 1))
        return ops.cast(first, "int32")[:, None] + ops.arange(size, dtype="int32")
