import shutil
import sys
import time

import numpy as np
import pytest

from benchmarks.harness import data
from benchmarks.harness.data import tfds
from benchmarks.harness.data.errors import NotHereError
from benchmarks.harness.data.known import FACTS


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with tiny MNIST as TensorFlow Datasets prepares it, and the arrays in it."""
    library = pytest.importorskip("tensorflow_datasets")
    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    generator = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 20), ("test", 10)):
        arrays[f"x_{split}"] = generator.integers(0, 256, (n, 28, 28, 1), np.uint8)
        arrays[f"y_{split}"] = np.arange(n) % 10
    examples = {
        split: [
            (i, {"image": arrays[f"x_{split}"][i], "label": int(arrays[f"y_{split}"][i])})
            for i in range(len(arrays[f"y_{split}"]))
        ]
        for split in ("train", "test")
    }
    library.dataset_builders.store_as_tfds_dataset(
        name="mnist",
        version="3.0.1",
        features=library.features.FeaturesDict(
            {
                "image": library.features.Image(shape=(28, 28, 1)),
                "label": library.features.ClassLabel(num_classes=10),
            }
        ),
        split_datasets=examples,
        data_dir=folder,
        disable_shuffling=True,
    )
    return folder, arrays


@pytest.fixture
def prepared(written, tmp_path, tiny):
    tiny("mnist")
    shutil.copytree(written[0] / "mnist", tmp_path / "mnist")
    return tmp_path


def test_reads_what_is_prepared_and_prints_nothing(prepared, written, assert_holds, capfd, notes):
    dataset = data.load("mnist", prepared, notes.append)

    assert_holds(dataset, written[1])
    assert dataset.source == f"TensorFlow Datasets in {prepared / 'mnist' / '3.0.1'}"
    assert capfd.readouterr().out == ""
    assert notes == []


def test_finds_a_dataset_in_the_librarys_default_folder(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))

    assert data.load("mnist").num_classes == 10


def test_takes_the_newest_whole_version(prepared):
    folder = prepared / "mnist"
    shutil.copytree(folder / "3.0.1", folder / "3.0.0")
    shutil.copytree(folder / "3.0.1", folder / "incomplete.XYZ_4.0.0")

    assert data.load("mnist", prepared).source.endswith("3.0.1")


def test_damage_is_named(prepared):
    (path,) = (prepared / "mnist" / "3.0.1").glob("*train.tfrecord*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(data.DataError, match=r"3.0.1 is damaged or incomplete. Expected: MNIST"):
        data.load("mnist", prepared)


def test_another_dataset_is_ignored(prepared, tiny):
    tiny("fashion_mnist")
    (prepared / "mnist").rename(prepared / "fashion_mnist")

    with pytest.raises(data.DataError, match="Fashion-MNIST was not found"):
        data.load("fashion_mnist", prepared)


def test_without_the_library_the_reason_is_given(prepared, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)

    with pytest.raises(data.DataError, match="tensorflow-datasets cannot be imported"):
        data.load("mnist", prepared)
    with pytest.raises(data.DataError, match="tensorflow-datasets is not installed"):
        data.load("mnist")


def test_without_a_network_the_download_fails_at_once(notes):
    start = time.monotonic()

    with pytest.raises(NotHereError, match=r"storage.googleapis.com cannot be reached"):
        tfds.download(FACTS["mnist"], notes.append)

    assert time.monotonic() - start < 1
    assert notes == []


def test_a_download_is_announced_and_read(prepared, written, monkeypatch, notes, assert_holds):
    # The library does not download a prepared data set again, so the whole call runs offline.
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    monkeypatch.setattr(tfds, "why_unreachable", lambda url: None)

    dataset = tfds.download(FACTS["mnist"], notes.append)

    assert_holds(dataset, written[1])
    assert notes == [f"Downloading MNIST to {prepared} with TensorFlow Datasets."]


def test_a_download_that_fails_gives_the_reason(monkeypatch, notes, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(tfds, "why_unreachable", lambda url: None)

    with pytest.raises(NotHereError, match=r"no download: \w+"):
        tfds.download(FACTS["mnist"], notes.append)
