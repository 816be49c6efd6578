"""Fixtures of the data tests: no home folder, no network, and datasets of thirty images."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.data.known import FACTS, Facts

Arrays = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def no_home_no_network(tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> None:
    """All folders that are searched by default are empty, and no request leaves the machine."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KERAS_DDL_CACHE", str(home / "cache"))
    for name in ("KERAS_DDL_DATA", "KERAS_HOME", "TFDS_DATA_DIR", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def tiny(monkeypatch) -> Callable[[str], Facts]:
    """Makes a known dataset have two training images and one test image of each class."""

    def shrink(name: str) -> Facts:
        facts = dataclasses.replace(
            FACTS[name], md5={}, train_counts=(2,) * 10, test_counts=(1,) * 10
        )
        monkeypatch.setitem(FACTS, name, facts)
        return facts

    return shrink


@pytest.fixture
def tiny_arrays() -> Callable[[Facts], Arrays]:
    """Returns random images for a tiny dataset, always the same."""

    def make(facts: Facts) -> Arrays:
        generator = np.random.default_rng(7)
        arrays = {}
        for split, counts in (("train", facts.train_counts), ("test", facts.test_counts)):
            y = generator.permutation(np.repeat(np.arange(len(counts)), counts))
            arrays[f"x_{split}"] = generator.integers(0, 256, (len(y), *facts.shape), np.uint8)
            arrays[f"y_{split}"] = y
        return arrays

    return make


@pytest.fixture
def assert_holds() -> Callable[[object, Arrays], None]:
    """Compares a data set's arrays with the arrays that were written to its files."""

    def compare(dataset: object, arrays: Arrays) -> None:
        for key, array in arrays.items():
            np.testing.assert_array_equal(getattr(dataset, key), array)
        for key in ("y_train", "y_test"):
            assert getattr(dataset, key).dtype == np.int64

    return compare


@pytest.fixture
def notes() -> list[str]:
    """A list for messages: pass `notes.append` as `notify`."""
    return []


@pytest.fixture
def real_mnist(shared_data: Path) -> Path:
    """The folder of real MNIST."""
    return shared_data / "mnist"
