"""A data set in memory: four arrays with their name, origin and fingerprint."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)  # comparing arrays with == gives an array, not a bool
class Dataset:
    """Labelled images, as published: unscaled, in their original order.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"` or `"digits"`; `"own"` for images that the
            user supplied.
        title: the name that tables show, such as `"MNIST"`, `"CIFAR-10 (JPEG)"` for a lossy copy or
            `"CIFAR-10 (unverified)"` for arrays whose content is not the published one.
        x_train: training images, `uint8` of shape `(n, height, width, channels)`.
        y_train: training labels, `int64` of shape `(n,)`.
        x_test: test images.
        y_test: test labels.
        maximum: the largest possible pixel value, so that `x / maximum` lies in `[0, 1]`.
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
        """`"sha256:..."` of the arrays: equal for equal arrays, wherever they came from.

        Stored trials are reused only with the fingerprint that they were trained on. It depends on
        the order of the images, because splits do. TensorFlow Datasets stores the published images
        in another order. Its copy has another fingerprint, and a seed draws other splits from it.
        """
        return fingerprint([self.x_train, self.y_train, self.x_test, self.y_test])

    @property
    def num_classes(self) -> int:
        """Labels run from 0 to `num_classes - 1`."""
        return int(self.y_train.max()) + 1


def content_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns a hash that tells whether a copy holds the published images.

    It is `"sha256:..."` of the labelled training images and of the labelled test images. The order
    within each of the two sets does not matter: copies are stored in different orders.

    Args:
        arrays: `x_train`, `y_train`, `x_test` and `y_test`. Images have type `uint8`, and labels
            are below 256.
    """
    # The shape distinguishes 28 x 28 from 14 x 56 pixels with the same bytes.
    digest = hashlib.sha256(f"{arrays['x_train'].shape[1:]!r}|".encode())
    for split in ("train", "test"):
        labelled = zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)
        examples = [hashlib.sha256(bytes([y]) + x.tobytes()).digest() for x, y in labelled]
        digest.update(hashlib.sha256(b"".join(sorted(examples))).digest())
    return f"sha256:{digest.hexdigest()}"


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """Returns `"sha256:..."` of the types, shapes and content of the arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"
