import sys

import numpy as np
import pytest

from benchmarks.harness import data


def test_digits_is_always_the_same():
    dataset = data.load("digits")

    assert dataset.fingerprint == (
        "sha256:62c29a7af552bcf118d305f276d3ad9e00690a37548e6e8d76d5848cd3374117"
    )
    assert (dataset.name, dataset.title) == ("digits", "digits (8x8, scikit-learn)")
    assert (dataset.maximum, dataset.num_classes) == (16, 10)
    assert (dataset.x_train.dtype, dataset.x_train.max()) == (np.uint8, 16)


def test_the_test_set_is_a_fair_sample_and_no_image_is_lost():
    from sklearn.datasets import load_digits

    dataset = data.load("digits")

    np.testing.assert_allclose(
        np.bincount(dataset.y_test) / 360, np.bincount(dataset.y_train) / 1437, atol=1 / 360
    )
    images = np.concatenate([dataset.x_train, dataset.x_test]).reshape(1797, 64)
    assert sorted(images.tolist()) == sorted(load_digits().data.tolist())


def test_without_scikit_learn_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(data.DataError, match="pip install scikit-learn"):
        data.load("digits")
