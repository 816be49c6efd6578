import dataclasses
import io
import os
import pickle
import tarfile
from typing import ClassVar

import numpy as np
import pytest

from benchmarks.harness import data
from benchmarks.harness.data.known import FACTS


class Python2Pickler(pickle._Pickler):
    """Writes bytes and names as Python 2 wrote its strings, as in the published files."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        value = value.encode() if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


def pickled(x, y):
    buffer = io.BytesIO()
    planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    Python2Pickler(buffer, 2).dump({"data": planes, "labels": y.tolist(), "batch_label": "1 of 5"})
    return buffer.getvalue()


def binary(x, y):
    planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    return np.hstack([y[:, None].astype(np.uint8), planes]).tobytes()


def batches(arrays, encode, suffix=""):
    """Returns the six files' contents, four training images in each."""
    files = {}
    for i in range(5):
        part = slice(4 * i, 4 * i + 4)
        x, y = arrays["x_train"][part], arrays["y_train"][part]
        files[f"data_batch_{i + 1}{suffix}"] = encode(x, y)
    return files | {f"test_batch{suffix}": encode(arrays["x_test"], arrays["y_test"])}


def archive(path, files, folder):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def arrays(tiny, tiny_arrays):
    return tiny_arrays(tiny("cifar10"))


@pytest.fixture(params=[("", pickled), (".bin", binary)], ids=["python", "binary"])
def files(arrays, request):
    suffix, encode = request.param
    return batches(arrays, encode, suffix)


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_reads_a_folder_of_batches(tmp_path, files, arrays, assert_holds):
    write(tmp_path, files)

    dataset = data.load("cifar10", tmp_path)

    assert_holds(dataset, arrays)
    assert dataset.title == "CIFAR-10 (unverified)"


@pytest.mark.parametrize(
    ("file", "encode", "suffix"),
    [
        ("cifar-10-python.tar.gz", pickled, ""),
        ("cifar-10-batches-py.tar.gz", pickled, ""),
        ("cifar-10-batches-py-target_archive", pickled, ""),
        ("cifar-10-binary.tar.gz", binary, ".bin"),
    ],
)
def test_reads_an_archive_and_unpacks_nothing(tmp_path, arrays, assert_holds, file, encode, suffix):
    files = batches(arrays, encode, suffix) | {"readme.html": b"not needed"}
    archive(tmp_path / file, files, "../outside")

    assert_holds(data.load("cifar10", tmp_path), arrays)
    assert os.listdir(tmp_path) == [file]
    assert not (tmp_path.parent / "outside").exists()


def test_a_missing_batch_is_named(tmp_path, files):
    missing = list(files)[2]
    del files[missing]
    write(tmp_path, files)

    with pytest.raises(data.DataError, match=f"incomplete.*Received: no {missing}"):
        data.load("cifar10", tmp_path)


def test_a_truncated_batch_is_refused(tmp_path, files):
    name = list(files)[1]
    write(tmp_path, files | {name: files[name][:-100]})

    with pytest.raises(data.DataError, match=rf"{name} is truncated.*Expected:.*Received:"):
        data.load("cifar10", tmp_path)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_truncated_archive_is_refused(tmp_path, arrays, share):
    path = tmp_path / "cifar-10-python.tar.gz"
    archive(path, batches(arrays, pickled), "cifar-10-batches-py")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(data.DataError, match=r"cifar-10-python.tar.gz is truncated.*Received:"):
        data.load("cifar10", tmp_path)


def test_a_changed_archive_or_batch_fails_its_checksum(tmp_path, arrays, monkeypatch):
    facts = dataclasses.replace(FACTS["cifar10"], md5={"cifar-10-python.tar.gz": "0" * 32})
    monkeypatch.setitem(FACTS, "cifar10", facts)
    files = batches(arrays, pickled)
    archive(tmp_path / "cifar-10-python.tar.gz", files, "cifar-10-batches-py")
    with pytest.raises(data.DataError, match=r"gz is not CIFAR-10's.*Expected: md5 0000"):
        data.load("cifar10", tmp_path)

    facts = dataclasses.replace(facts, md5={"data_batch_3": "0" * 32})
    monkeypatch.setitem(FACTS, "cifar10", facts)
    write(tmp_path, files)
    with pytest.raises(data.DataError, match=r"data_batch_3 is not CIFAR-10's.*Expected: md5 0000"):
        data.load("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([1, 2], "data_batch_1 is not a CIFAR-10 batch"),
        ({"labels": [1]}, "not a CIFAR-10 batch.*KeyError: 'data'"),
        ({"data": np.zeros((2, 9), np.uint8), "labels": [1, 2]}, r"shape \(n, 3072\).*\(2, 9\)"),
        ({"data": np.zeros((2, 3072)), "labels": [1, 2]}, "not a CIFAR-10 batch.*f8"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": ["a"]}, "not a CIFAR-10 batch"),
    ],
)
def test_another_pickle_is_refused(tmp_path, arrays, batch, message):
    files = batches(arrays, pickled) | {"data_batch_1": pickle.dumps(batch, 2)}
    write(tmp_path, files)

    with pytest.raises(data.DataError, match=message):
        data.load("cifar10", tmp_path)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, arrays):
    evil = b"cos\nsystem\n(S'exit'\ntR."
    write(tmp_path, batches(arrays, pickled) | {"data_batch_1": evil})

    with pytest.raises(data.DataError, match=r"data_batch_1 .*would run code.*os\.system"):
        data.load("cifar10", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_broken_link_in_an_archive_is_a_missing_file(tmp_path, arrays, kind):
    files = batches(arrays, pickled, "")
    del files["data_batch_2"]
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("data_batch_2")
        link.type, link.linkname = kind, "nowhere"
        archive.addfile(link)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

    with pytest.raises(data.DataError, match=r"incomplete.*Received: no data_batch_2"):
        data.load("cifar10", tmp_path)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, tiny, monkeypatch):
    tiny("cifar10")
    monkeypatch.setattr("benchmarks.harness.data.cifar_archives._MOST_BYTES", 100_000)
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("zeros")
        member.size = 10_000_000
        archive.addfile(member, io.BytesIO(bytes(member.size)))

    with pytest.raises(data.DataError, match="more than 100000 bytes when unpacked"):
        data.load("cifar10", tmp_path)
