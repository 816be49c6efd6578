from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness import data
from benchmarks.harness.data.known import FACTS


@pytest.fixture
def put(tiny, tiny_arrays):
    """Puts a tiny dataset into a folder, as npz."""

    def put(folder, name="mnist"):
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{name}.npz", **tiny_arrays(tiny(name)))

    return put


@pytest.mark.parametrize(
    ("name", "folder"),
    [(facts.name, folder) for facts in FACTS.values() for folder in facts.folders],
)
def test_sub_folders_with_usual_names_are_searched(tmp_path, put, name, folder):
    put(tmp_path / folder, name)

    assert str(tmp_path / folder) in data.load(name, tmp_path).source


def test_a_sub_folder_comes_before_the_folder_itself(tmp_path, put):
    put(tmp_path)
    put(tmp_path / "mnist")

    assert str(tmp_path / "mnist" / "mnist.npz") in data.load("mnist", tmp_path).source


def test_places_are_searched_in_order(tmp_path, put, monkeypatch):
    places = [tmp_path / "given", tmp_path / "named", Path.home() / ".keras" / "datasets"]
    places.append(Path.home() / "tensorflow_datasets")
    monkeypatch.setenv("KERAS_DDL_DATA", str(places[1]))
    for place in places:
        put(place)

    for i, place in enumerate(places):
        dataset = data.load("mnist", places[0] if i == 0 else None)
        assert str(place) in dataset.source
        (place / "mnist.npz").unlink()


def test_keras_may_have_its_home_elsewhere(tmp_path, put, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    put(tmp_path / "datasets")

    assert str(tmp_path) in data.load("mnist").source


def test_data_dir_is_the_only_place_for_a_dataset_requested_by_name(
    tmp_path, put, monkeypatch, notes
):
    put(tmp_path / "named")
    monkeypatch.setenv("KERAS_DDL_DATA", str(tmp_path / "named"))
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "cats.zip").touch()

    with pytest.raises(data.DataError) as caught:
        data.load("mnist", tmp_path / "given")
    assert "given (--data-dir; it holds cats.zip)" in str(caught.value)
    assert "KERAS_DDL_DATA" not in str(caught.value).partition("To get it")[0]

    assert str(tmp_path / "named") in data.load("auto", tmp_path / "given", notes.append).source
    assert notes == []


def test_the_error_for_a_missing_dataset_lists_all_places_and_remedies(tmp_path, monkeypatch):
    (tmp_path / "many").mkdir()
    for i in range(11):
        (tmp_path / "many" / f"file{i:02}").touch()
    monkeypatch.setenv("KERAS_DDL_DATA", str(tmp_path / "many"))
    (Path.home() / ".keras" / "datasets").mkdir(parents=True)

    with pytest.raises(data.DataError) as caught:
        data.load("cifar10")

    for part in (
        "CIFAR-10 was not found",
        f"{tmp_path / 'many'} ($KERAS_DDL_DATA; it holds file00, ",
        "file07 and 3 more)",
        f"{Path.home() / '.keras' / 'datasets'} (Keras' cache; it is empty)",
        f"{Path.home() / 'tensorflow_datasets'} (TensorFlow Datasets) does not exist",
        "no download: www.cs.toronto.edu cannot be reached",
        "--data-dir FOLDER",
        "set $KERAS_DDL_DATA",
        "cifar-10-python.tar.gz",
        "install tensorflow-datasets",
    ):
        assert part in str(caught.value)


def test_another_dataset_in_the_way_does_not_end_the_search(tmp_path, put, real_mnist, monkeypatch):
    monkeypatch.setenv("KERAS_DDL_DATA", str(real_mnist))
    put(Path.home() / ".keras" / "datasets", "fashion_mnist")

    assert ".keras" in data.load("fashion_mnist").source
