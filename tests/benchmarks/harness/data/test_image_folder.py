import dataclasses
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness import data
from benchmarks.harness.data.known import FACTS


def save(folder, arrays, facts, suffix=".png"):
    for split in ("train", "test"):
        for name in facts.classes:
            (folder / split / name).mkdir(parents=True)
        numbered = enumerate(zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True))
        for i, (image, label) in numbered:
            path = folder / split / facts.classes[label] / f"{i:04}{suffix}"
            Image.fromarray(image.squeeze()).save(path)


def by_class(arrays):
    """Returns the arrays in the order in which folders are read: class by class."""
    ordered = {}
    for split in ("train", "test"):
        order = np.argsort(arrays[f"y_{split}"], kind="stable")
        ordered |= {f"{xy}_{split}": arrays[f"{xy}_{split}"][order] for xy in "xy"}
    return ordered


@pytest.fixture
def facts(tiny):
    return tiny("cifar10")


@pytest.fixture
def folder(tmp_path, facts, tiny_arrays):
    save(tmp_path / "images", tiny_arrays(facts), facts)
    return tmp_path / "images"


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_png_images_come_back_exactly(tmp_path, tiny, tiny_arrays, assert_holds, name, notes):
    facts = tiny(name)
    arrays = tiny_arrays(facts)
    save(tmp_path, arrays, facts)

    dataset = data.load(name, tmp_path, notes.append)

    assert_holds(dataset, by_class(arrays))
    assert dataset.title == f"{facts.title} (unverified)"
    assert dataset.source == f"image folders in {tmp_path}"
    assert notes == [f"Decoding 30 images in {tmp_path}; later runs use the cache."]


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_the_title_says_that_images_are_jpeg(tmp_path, facts, tiny_arrays, suffix, notes):
    save(tmp_path, tiny_arrays(facts), facts, suffix)

    assert data.load("cifar10", tmp_path, notes.append).title == "CIFAR-10 (JPEG) (unverified)"


def test_decoded_once_wherever_the_folder_is(folder, notes):
    first = data.load("cifar10", folder, notes.append)
    moved = folder.rename(folder.parent / "moved")
    second = data.load("cifar10", moved, notes.append)

    assert len(notes) == 1
    assert second.fingerprint == first.fingerprint


def test_a_changed_image_is_decoded(folder, facts, notes):
    data.load("cifar10", folder, notes.append)
    Image.new("RGB", (32, 32), "red").save(
        folder / "test" / "cat" / os.listdir(folder / "test/cat")[0]
    )

    dataset = data.load("cifar10", folder, notes.append)

    assert len(notes) == 2
    assert dataset.x_test[3, 0, 0].tolist() == [255, 0, 0]


def test_other_files_are_ignored(folder, notes):
    (folder / "train" / "cat" / ".DS_Store").touch()
    (folder / "train" / "notes.txt").touch()

    data.load("cifar10", folder, notes.append)


def test_names_that_begin_with_a_dot_are_ignored(folder, notes):
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    (folder / "train" / "cat" / "._0001.png").write_bytes(b"not an image")

    data.load("cifar10", folder, notes.append)


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_pipe_or_a_dangling_link_is_named(folder, notes, kind):
    path = folder / "train" / "dog" / "odd.png"
    if kind == "pipe":
        os.mkfifo(path)  # reading it would wait for ever
    else:
        path.symlink_to(folder / "nowhere")

    with pytest.raises(data.DataError, match=r"odd.png is not a regular file"):
        data.load("cifar10", folder, notes.append)


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize(
    ("name", "image", "options", "message"),
    [
        ("a.png", Image.new("I;16", (32, 32), 40000), {}, "not an image of 8 bits.*I;16"),
        ("a.jpg", Image.new("CMYK", (32, 32)), {}, "not an image of 8 bits.*CMYK"),
        ("a.jpg", Image.new("L", (32, 32)), {"format": "GIF"}, "Expected: JPEG. Received: GIF"),
        ("a.png", Image.new("RGB", (32, 32)), {"format": "JPEG"}, "Expected: PNG. Received: JPEG"),
        ("a.png", Image.new("RGBA", (32, 32), (9, 9, 9, 99)), {}, "partly transparent"),
        ("a.png", Image.new("L", (9000, 9000)), {}, "another size.*Received: 9000x9000"),
        ("a.png", Image.new("1", (20000, 20000)), {}, "exceeds limit|another size"),
        ("a.jpg", Image.new("RGB", (32, 31)), {"exif": exif(6)}, "Received: 31x32"),
    ],
    ids=["16 bit", "CMYK", "GIF", "JPEG", "transparent", "large", "bomb", "turned"],
)
def test_unsupported_images_are_refused_with_their_path(
    folder, notes, name, image, options, message
):
    image.save(folder / "train" / "dog" / name, **options)
    next((folder / "train" / "dog").glob("0*.png")).unlink()

    with pytest.raises(data.DataError, match=rf"{name} .*({message})"):
        data.load("cifar10", folder, notes.append)


def test_an_image_that_a_camera_stored_rotated_is_rotated_back(folder, notes):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 250  # the upper half
    path = min((folder / "train" / "dog").iterdir())
    Image.fromarray(pixels).save(path, exif=exif(3))  # by 180 degrees

    dataset = data.load("cifar10", folder, notes.append)
    first = dataset.x_train[dataset.y_train == 5][0]
    assert (first[0, 0, 0], first[31, 0, 0]) == (0, 250)


def test_a_colour_image_is_not_converted_to_grey(tmp_path, tiny, tiny_arrays, notes):
    facts = tiny("mnist")
    save(tmp_path, tiny_arrays(facts), facts)
    path = min((tmp_path / "train" / "3").iterdir())
    Image.open(path).convert("RGB").save(path)
    data.load("mnist", tmp_path, notes.append)

    Image.new("RGB", (28, 28), "red").save(path)
    with pytest.raises(data.DataError, match=r"is in colour. Expected: a grey image"):
        data.load("mnist", tmp_path, notes.append)


def test_a_missing_image_is_noticed_before_any_is_decoded_or_cached(folder, notes):
    next((folder / "train" / "dog").iterdir()).unlink()
    with pytest.raises(data.DataError, match="Received: 19"):
        data.load("cifar10", folder, notes.append)
    assert notes == []
    assert not Path(os.environ["KERAS_DDL_CACHE"]).exists()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-30], lambda content: content[:9], lambda content: b""]
)
def test_a_truncated_image_is_named(folder, notes, damage):
    path = next((folder / "train" / "dog").iterdir())
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(data.DataError, match=rf"dog.{path.name} is truncated or damaged"):
        data.load("cifar10", folder, notes.append)


def test_an_image_of_another_size_is_named(folder, notes):
    path = next((folder / "train" / "dog").iterdir())
    Image.new("RGB", (31, 32)).save(path)

    with pytest.raises(data.DataError, match=rf"{path.name}.*Expected: 32x32. Received: 31x32"):
        data.load("cifar10", folder, notes.append)


def test_the_error_for_a_missing_image_has_both_counts(folder, notes):
    next((folder / "train" / "dog").iterdir()).unlink()

    with pytest.raises(data.DataError, match=r"Expected: 20 labels.*Received: 19"):
        data.load("cifar10", folder, notes.append)


def test_a_missing_test_folder_is_named(folder, notes):
    (folder / "test").rename(folder / "tests")

    with pytest.raises(data.DataError, match="test is missing"):
        data.load("cifar10", folder, notes.append)


def test_other_classes_are_another_dataset(folder, notes):
    (folder / "train" / "cat").rename(folder / "train" / "lynx")

    with pytest.raises(data.DataError, match=r"train holds other classes than CIFAR-10:.*lynx"):
        data.load("cifar10", folder, notes.append)


def test_real_jpeg_images(shared_data, tmp_path, monkeypatch, notes):
    facts = dataclasses.replace(
        FACTS["cifar10"], classes=("airplane",), train_counts=(20,), test_counts=(10,)
    )
    monkeypatch.setitem(FACTS, "cifar10", facts)
    for split in ("train", "test"):
        (tmp_path / split / "airplane").mkdir(parents=True)
    with tarfile.open(shared_data / "cifar10-jpeg.tar.xz", "r|xz") as archive:
        images = (member for member in archive if member.isfile())
        for i, member in zip(range(30), images, strict=False):
            content = archive.extractfile(member).read()
            (tmp_path / ("train" if i < 20 else "test") / "airplane" / f"{i}.jpg").write_bytes(
                content
            )

    dataset = data.load("cifar10", tmp_path, notes.append)

    assert dataset.x_train.shape == (20, 32, 32, 3)
    # Photographs: neighbouring pixels are alike, other images are not.
    x = dataset.x_train.astype(float)
    assert np.abs(np.diff(x, axis=2)).mean() < 0.5 * np.abs(np.diff(x, axis=0)).mean()


@pytest.mark.exhaustive
def test_all_of_the_real_jpeg_images(shared_data, tmp_path, notes):
    with tarfile.open(shared_data / "cifar10-jpeg.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")

    dataset = data.load("cifar10", tmp_path, notes.append)

    assert dataset.x_train.shape == (50000, 32, 32, 3)
    assert dataset.x_test.shape == (10000, 32, 32, 3)
    assert dataset.title == "CIFAR-10 (JPEG)"
    assert data.load("cifar10", tmp_path, notes.append).fingerprint == dataset.fingerprint
    assert len(notes) == 1
