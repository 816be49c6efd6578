"""What the data layer hands out: four arrays, and what is known of them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, as published: unscaled, in their original order.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"`, `"digits"` or `"own"`.
        title: the name that tables show. It says so when the images are a lossy copy, when nothing
            confirms that they are the published ones, or when they are the user's own.
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


def content(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns `"sha256:..."` of the labelled images of both sets, in whatever order they are.

    Args:
        arrays: by `x_train`, `y_train`, `x_test` and `y_test`; images of unsigned bytes, and labels
            below 256.
    """
    digest = hashlib.sha256(f"{arrays['x_train'].shape[1:]!r}|".encode())
    for split in ("train", "test"):
        labelled = zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)
        examples = [hashlib.sha256(bytes([y]) + x.tobytes()).digest() for x, y in labelled]
        digest.update(hashlib.sha256(b"".join(sorted(examples))).digest())
    return f"sha256:{digest.hexdigest()}"


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """Returns `"sha256:..."` of the arrays' types, shapes and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"
