import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.data import cache
from benchmarks.harness.data.cache import cached
from benchmarks.harness.data.conform import KEYS

ARRAYS = {
    "x_train": np.arange(3000, dtype=np.uint8),
    "y_train": np.arange(5),
    "x_test": np.zeros((2, 3), np.uint8),
    "y_test": np.ones(2, np.int64),
}


@pytest.fixture
def made():
    """One entry for each time that `make` was called."""
    return []


@pytest.fixture
def make(made):
    def make():
        made.append(1)
        return ARRAYS

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setenv("KERAS_DDL_CACHE", str(folder))
    return folder


def assert_made(arrays):
    assert arrays.keys() == ARRAYS.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, ARRAYS[key])
        assert array.dtype == ARRAYS[key].dtype


def test_arrays_are_made_once_per_name(folder, make, made, notes):
    for _ in range(3):
        assert_made(cached("one", make, notes.append))
    cached("two", make, notes.append)

    assert len(made) == 2
    assert notes == []
    assert sorted(os.listdir(folder)) == ["one.npz", "two.npz"]


def test_the_cache_is_in_the_home_folder_by_default(make, monkeypatch, notes):
    monkeypatch.delenv("KERAS_DDL_CACHE")

    cached("one", make, notes.append)

    assert (Path.home() / ".cache" / "keras_ddl" / "one.npz").is_file()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content.replace(bytes(range(100, 110)), bytes(10), 1),
    ],
    ids=["truncated", "empty", "changed"],
)
def test_a_damaged_file_is_replaced_with_a_notice(folder, make, made, notes, damage):
    cached("one", make, notes.append)
    path = folder / "one.npz"
    path.write_bytes(damage(path.read_bytes()))

    assert_made(cached("one", make, notes.append))
    assert_made(cached("one", make, notes.append))

    assert len(made) == 2
    assert notes == [f"The cache file {path} is damaged and will be replaced."]


def test_a_file_that_does_not_match_its_fingerprint_is_replaced(folder, make, made, notes):
    cached("one", make, notes.append)
    with np.load(folder / "one.npz") as archive:
        contents = dict(archive)
    np.savez(folder / "one.npz", **contents | {"y_test": np.zeros(2, np.int64)})

    assert_made(cached("one", make, notes.append))
    assert len(made) == 2


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_files_left_by_a_killed_process_are_not_used(folder, make, made, notes):
    script = """if True:
        import os, signal, numpy as np
        from benchmarks.harness.data.cache import cached
        def die_half_way(file, **_):
            file.write(b"half of it")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        np.savez = die_half_way
        cached("one", lambda: dict.fromkeys(("x_train", "y_train", "x_test", "y_test"),
                                            np.zeros(9)), print)
    """
    root = Path(__file__).resolve().parents[4]
    killed = subprocess.run([sys.executable, "-c", script], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.read_bytes() == b"half of it"

    assert_made(cached("one", make, notes.append))
    assert_made(cached("one", make, notes.append))
    assert len(made) == 1


def test_without_a_writable_folder_arrays_are_made_again(tmp_path, make, notes, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_DDL_CACHE", str(tmp_path / "file"))

    assert_made(cached("one", make, notes.append))
    assert len(notes) == 1
    assert notes[0].startswith("The decoded images could not be stored")


def test_a_failed_write_leaves_nothing(folder, make, notes, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)

    assert_made(cached("one", make, notes.append))
    assert "disk full" in notes[0]
    assert list(folder.iterdir()) == []


def test_the_least_recently_used_files_are_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_DDL_CACHE", str(tmp_path))
    arrays = {key: np.zeros(1000, np.uint8) for key in KEYS}
    for age, name in enumerate(["set-a", "set-b", "set-c"]):
        cache.cached(name, lambda: arrays, print)
        os.utime(tmp_path / f"{name}.npz", (1000 + age, 1000 + age))
    cache.cached("set-a", lambda: arrays, print)  # used now
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * (tmp_path / "set-a.npz").stat().st_size)
    cache.cached("set-d", lambda: arrays, print)
    assert {path.stem for path in tmp_path.iterdir()} == {"set-a", "set-c", "set-d"}
