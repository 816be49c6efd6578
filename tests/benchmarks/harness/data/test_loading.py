import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness import data


def test_importing_needs_numpy_only():
    script = (
        "import sys, benchmarks.harness.data;"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'keras', 'sklearn', 'scipy', 'PIL'};"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    root = Path(__file__).resolve().parents[4]

    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)


def test_names():
    assert data.NAMES == ("mnist", "fashion_mnist", "cifar10", "digits")


@pytest.mark.parametrize(
    ("name", "near"), [("mnits", "mnist"), ("CIFAR-10", "cifar10"), ("fashion", "fashion_mnist")]
)
def test_an_unknown_name_brings_a_suggestion(name, near):
    with pytest.raises(data.DataError) as caught:
        data.load(name)

    assert str(caught.value) == (
        f"Unknown dataset. Did you mean '{near}'? "
        f"Expected: auto, mnist, fashion_mnist, cifar10, digits. Received: '{name}'."
    )


def test_a_name_that_resembles_no_other_brings_no_suggestion():
    with pytest.raises(data.DataError, match=r"^Unknown dataset. Expected: auto"):
        data.load("imagenet")


@pytest.mark.parametrize("name", ["auto", "mnist", "digits"])
def test_a_given_folder_that_does_not_exist_is_an_error(tmp_path, name):
    with pytest.raises(data.DataError, match=r"--data-dir is not a folder. Received: .*nowhere"):
        data.load(name, tmp_path / "nowhere")


def test_a_tilde_is_the_home_folder():
    with pytest.raises(data.DataError, match=f"no MNIST in {Path.home()}"):
        data.load("mnist", "~")


def test_auto_takes_mnist_if_it_is_available(real_mnist, notes):
    assert data.load("auto", real_mnist, notes.append).name == "mnist"
    assert notes == []


def test_auto_takes_the_next_best_and_says_so_in_one_line(real_mnist, notes):
    assert data.load("auto", real_mnist, notes.append, ["cifar10", "mnist"]).name == "mnist"
    (line,) = notes
    assert line.startswith("CIFAR-10 was not found, so MNIST is used instead: ")


def test_auto_takes_digits_otherwise_and_says_so_in_one_line(tmp_path, notes):
    dataset = data.load("auto", tmp_path, notes.append)

    assert dataset.name == "digits"
    (line,) = notes
    assert "\n" not in line
    for part in (
        "digits is used instead",
        f"no MNIST in {tmp_path} (--data-dir; it is empty)",
        "$KERAS_DDL_DATA is not set",
        "cannot be reached",
    ):
        assert part in line


def test_auto_does_not_ignore_a_damaged_file(tmp_path, notes):
    (tmp_path / "mnist.npz").write_bytes(b"broken")

    with pytest.raises(data.DataError, match=r"mnist.npz is truncated or damaged"):
        data.load("auto", tmp_path, notes.append)


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    path.touch()

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(data.DataError, match=r"Permission denied.*mnist.npz"):
        data.load("mnist", tmp_path)
