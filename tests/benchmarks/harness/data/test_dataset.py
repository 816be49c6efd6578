import dataclasses

import numpy as np
import pytest

from benchmarks.harness import data


@pytest.fixture
def dataset():
    x, y = np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1), np.array([0, 1, 2, 0, 1, 2])
    return data.Dataset("name", "Title", x, y, x[:3], y[:3], 255, "source")


def test_num_classes(dataset):
    assert dataset.num_classes == 3


def test_the_fingerprint_is_of_the_content_alone(dataset):
    same = dataclasses.replace(
        dataset, source="elsewhere", title="other", x_train=np.asfortranarray(dataset.x_train)
    )

    assert same.fingerprint == dataset.fingerprint
    assert dataset.fingerprint.startswith("sha256:")
    assert len(dataset.fingerprint) == len("sha256:") + 64


@pytest.mark.parametrize(
    "change",
    [
        lambda d: {"x_train": d.x_train ^ 1},
        lambda d: {"x_train": d.x_train[::-1]},
        lambda d: {"x_train": d.x_train.reshape(6, 4, 1, 1)},
        lambda d: {"x_train": d.x_train.view(np.int8)},
        lambda d: {"y_train": d.y_train[::-1]},
        lambda d: {"x_train": d.x_test, "x_test": d.x_train},
    ],
)
def test_any_change_of_the_content_changes_the_fingerprint(dataset, change):
    assert dataclasses.replace(dataset, **change(dataset)).fingerprint != dataset.fingerprint


def test_the_fingerprint_is_computed_once(dataset):
    assert dataset.fingerprint is dataset.fingerprint
