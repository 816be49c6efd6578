"""scikit-learn's digits: a small real data set that is installed with scikit-learn."""

from pathlib import Path

import numpy as np

from benchmarks.harness.data.dataset import Dataset, content_hash
from benchmarks.harness.data.errors import DataError

_TEST_IMAGES = Path(__file__).with_name("digits_test.txt")  # their indices
_CONTENT = "sha256:10c5036404d25870f1a0ea6f53fac05d52d887068b0d13a858d68c948b46359d"


def read() -> Dataset:
    """Returns the 1,797 images of 8x8 pixels, with values from 0 to 16.

    The published data have no test set. Here the test set is a fixed, stratified choice of 360
    images.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"digits needs scikit-learn: pip install scikit-learn ({error})."
        ) from error

    digits = load_digits()
    x = digits.images.astype(np.uint8)[..., np.newaxis]
    y = digits.target.astype(np.int64)
    test = np.loadtxt(_TEST_IMAGES, dtype=np.int64).ravel()
    train = np.setdiff1d(np.arange(len(y)), test)
    arrays = {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}
    unverified = "" if content_hash(arrays) == _CONTENT else ", unverified"
    return Dataset(
        name="digits",
        title=f"digits (8x8, scikit-learn{unverified})",
        **arrays,
        maximum=16,
        source="scikit-learn",
    )
