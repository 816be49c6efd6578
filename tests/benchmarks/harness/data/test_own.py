"""Images that the user supplies: any classes, sizes and numbers; the title says so."""

import gzip
import os

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness import data
from benchmarks.harness.data import idx


@pytest.fixture
def arrays():
    """Three classes, images of 5 x 7."""
    generator = np.random.default_rng(3)
    return {
        "x_train": generator.integers(0, 256, (9, 5, 7), np.uint8),
        "y_train": np.arange(9) % 3,
        "x_test": generator.integers(0, 256, (6, 5, 7), np.uint8),
        "y_test": np.arange(6) % 3,
    }


def save_idx(folder, arrays, prefix="", test="t10k", packed=True):
    names = {"x": "images-idx3-ubyte", "y": "labels-idx1-ubyte"}
    folder.mkdir(exist_ok=True)
    for key, array in arrays.items():
        split = "train" if key.endswith("train") else test
        content = idx.pack(array)
        path = folder / f"{prefix}{split}-{names[key[0]]}"
        path.write_bytes(content)
        if packed:
            path.rename(f"{path}.gz")
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(content))


def save_images(folder, arrays, names=("ant", "bee", "cat"), suffix=".png"):
    for split in ("train", "test"):
        for i, (image, label) in enumerate(
            zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)
        ):
            path = folder / split / names[label] / f"{i:02}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


def test_an_npz_file(tmp_path, arrays, assert_holds):
    np.savez(tmp_path / "letters.npz", **arrays)
    dataset = data.load(str(tmp_path / "letters.npz"))
    assert (dataset.name, dataset.title) == ("own", "letters (own data)")
    assert dataset.num_classes == 3
    assert_holds(dataset, {k: a[..., None] if k[0] == "x" else a for k, a in arrays.items()})
    assert data.split(dataset, train_size=6, validation_size=3, seed=0).train.x.max() <= 1


@pytest.mark.parametrize("scale", [np.uint16, np.float32])
def test_images_of_other_types_are_scaled_to_1(tmp_path, arrays, scale):
    for key in ("x_train", "x_test"):
        arrays[key] = arrays[key].astype(scale) * 257 if scale is np.uint16 else arrays[key] / 255
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = data.load(str(tmp_path / "a.npz"))
    split = data.split(dataset, train_size=9, seed=0)
    assert 0.9 < split.train.x.max() <= 1


def test_a_folder_of_images(tmp_path, arrays):
    save_images(tmp_path / "pets", arrays)
    (tmp_path / "pets" / "train" / ".hidden").mkdir()
    dataset = data.load(str(tmp_path / "pets"))
    assert (dataset.title, dataset.num_classes) == ("pets (own data)", 3)
    assert dataset.x_train.shape == (9, 5, 7, 1)
    by_class = np.argsort(arrays["y_train"], kind="stable")
    np.testing.assert_array_equal(dataset.x_train[..., 0], arrays["x_train"][by_class])


def test_grey_images_among_colour_images_are_converted(tmp_path, arrays):
    save_images(tmp_path, arrays)
    Image.new("RGB", (7, 5), "red").save(tmp_path / "train" / "ant" / "red.png")
    assert data.load(str(tmp_path)).x_test.shape == (6, 5, 7, 3)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_named_as_in_kmnist(tmp_path, arrays, packed):
    save_idx(tmp_path / "kmnist", arrays, packed=packed)
    assert data.load(str(tmp_path / "kmnist")).title == "kmnist (own data)"


def test_one_of_several_sets_as_in_emnist(tmp_path, arrays):
    """Labels that begin with 1, as those of EMNIST's letters do, are renumbered from 0."""
    letters = {key: array + 1 if key[0] == "y" else array for key, array in arrays.items()}
    save_idx(tmp_path, letters, "emnist-letters-", "test")
    save_idx(tmp_path, arrays, "emnist-digits-", "test")
    with pytest.raises(data.DataError, match=r"emnist-digits- \(4 files\), emnist-letters-"):
        data.load(str(tmp_path))
    dataset = data.load(str(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz"))
    assert sorted({*dataset.y_train}) == [0, 1, 2]
    assert dataset.title == "emnist-letters-train-images-idx3-ubyte (own data)"


def test_four_npz_files_named_as_in_kmnist(tmp_path, arrays):
    names = {"x_train": "train-imgs", "y_train": "train-labels"}
    names |= {"x_test": "test-imgs", "y_test": "test-labels"}
    for key, name in names.items():
        np.savez(tmp_path / f"k49-{name}.npz", arrays[key])
    assert data.load(str(tmp_path)).x_train.shape == (9, 5, 7, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((9, 5), np.uint8)}, "must hold images of shape"),
        ({"x_train": np.full((9, 5, 7), np.nan)}, "must hold images of shape"),
        ({"x_test": np.zeros((6, 5, 8), np.uint8)}, "images of one size"),
        ({"y_test": np.zeros(5, int)}, "as many labels as images"),
        ({"y_train": np.zeros(9)}, "labels as integers"),
        ({"y_train": np.zeros(9, int)}, "Received: 1 of 3 classes"),
        ({"x_train": np.zeros((0, 5, 7), np.uint8), "y_train": np.zeros(0, int)}, "must hold"),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused(tmp_path, arrays, change, message):
    np.savez(tmp_path / "odd.npz", **{**arrays, **change})
    with pytest.raises(data.DataError, match=f"odd.npz.*{message}"):
        data.load(str(tmp_path / "odd.npz"))


def test_a_path_without_a_data_set_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path, tmp_path / "pipe.npz", tmp_path / "nothing.npz"):
        with pytest.raises(data.DataError, match=r"is no data set: .* Expected: an .npz file"):
            data.load(str(path))


def test_a_file_name_cannot_break_a_table(tmp_path, arrays):
    path = tmp_path / "a|b,c\n--> d.npz"
    np.savez(path, **arrays)
    assert data.load(str(path)).title == "a b c -- d (own data)"
