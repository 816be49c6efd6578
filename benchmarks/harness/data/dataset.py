"""What the data layer hands out: four arrays, and what is known of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, as published: unscaled, in their original order.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"` or `"digits"`.
        title: the name that tables show. It says so when the images are a lossy copy.
        x_train: training images, `uint8` of shape `(n, height, width, channels)`.
        y_train: training labels, `int64` of shape `(n,)`.
        x_test: test images.
        y_test: test labels.
        maximum: the largest possible pixel value: `x / maximum` lies in `[0, 1]`.
        source: where the arrays came from, for humans.
    """

    name: str
    title: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    maximum: int
    source: str

    @cached_property
    def fingerprint(self) -> str:
        """`"sha256:..."` of the arrays: equal for equal data, wherever it came from.

        The order counts. TensorFlow Datasets stores the published images shuffled, so its copy
        has a fingerprint of its own, as splits of it hold other images.
        """
        return fingerprint([self.x_train, self.y_train, self.x_test, self.y_test])

    @property
    def num_classes(self) -> int:
        """Labels run from 0 to `num_classes - 1`."""
        return int(self.y_train.max()) + 1


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """Returns `"sha256:..."` of the arrays' types, shapes and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"
