import contextlib
import gzip
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.harness import data
from benchmarks.harness.data import idx

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def save(folder, arrays, packed=True, spelling=str):
    folder.mkdir(parents=True, exist_ok=True)
    for key, name in idx.NAMES.items():
        array = arrays[key][..., 0] if key.startswith("x") else arrays[key]
        content = idx.pack(array)
        if packed:
            (folder / f"{spelling(name)}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / spelling(name)).write_bytes(content)


@pytest.fixture
def folder(tmp_path, tiny, tiny_arrays):
    save(tmp_path, tiny_arrays(tiny("mnist")))
    return tmp_path


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)))
def test_parse_inverts_pack(array):
    parsed = idx.parse(idx.pack(array), array.ndim, "file")

    assert parsed.shape == array.shape
    np.testing.assert_array_equal(parsed, array)


@given(st.binary(max_size=64), st.integers(1, 3))
def test_any_other_bytes_are_refused(content, ndim):
    with contextlib.suppress(data.DataError):
        assert idx.pack(idx.parse(content, ndim, "file")) == content


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("spelling", [str, lambda name: name.replace("-idx", ".idx")])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_reads_raw_and_packed_in_both_spellings(
    tmp_path, tiny, tiny_arrays, assert_holds, name, packed, spelling
):
    arrays = tiny_arrays(tiny(name))
    save(tmp_path, arrays, packed, spelling)

    dataset = data.load(name, tmp_path)

    assert_holds(dataset, arrays)
    assert (dataset.name, dataset.maximum, dataset.num_classes) == (name, 255, 10)
    assert dataset.source == f"IDX files in {tmp_path}"


@pytest.mark.parametrize("kept", [0, 3, 17, 100, -8, -1])
def test_a_truncated_packed_file_is_refused(folder, kept):
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(data.DataError, match=rf"{IMAGES}.gz is truncated.*Expected:.*Received:"):
        data.load("mnist", folder)


def test_a_flipped_byte_in_a_packed_file_is_refused(folder):
    path = folder / f"{IMAGES}.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)

    with pytest.raises(data.DataError, match=f"{IMAGES}.gz is truncated or damaged"):
        data.load("mnist", folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:10], "is truncated. Expected: at least 16 bytes. Received: 10"),
        (lambda raw: raw[:-1], r"is truncated. Expected: 15696 bytes.*Received: 15695"),
        (lambda raw: raw + b"!", r"has trailing bytes. Expected: 15696 bytes.*Received: 15697"),
        (lambda raw: b"\0\0\x0d\x03" + raw[4:], "magic number 0x00000803. Received: 0x00000d03"),
    ],
)
def test_a_malformed_file_is_refused(folder, change, message):
    raw = gzip.decompress((folder / f"{IMAGES}.gz").read_bytes())
    (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(change(raw)))

    with pytest.raises(data.DataError, match=rf"{IMAGES}.gz .*{message}"):
        data.load("mnist", folder)


def test_a_missing_file_is_named(folder):
    (folder / f"{LABELS}.gz").unlink()

    with pytest.raises(data.DataError, match=f"lacks {LABELS}"):
        data.load("mnist", folder)


def test_labels_that_do_not_fit_the_images_are_refused(folder):
    (folder / f"{LABELS}.gz").write_bytes(gzip.compress(idx.pack(np.zeros(3, np.uint8))))

    with pytest.raises(data.DataError, match=rf"{LABELS}.*{IMAGES}.*Expected: 20 .*Received: 3"):
        data.load("mnist", folder)


def test_real_mnist_passes_its_checksums(real_mnist):
    dataset = data.load("mnist", real_mnist)

    assert dataset.x_train.shape == (60000, 28, 28, 1)
    assert dataset.x_test.shape == (10000, 28, 28, 1)
    assert dataset.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert dataset.fingerprint == (
        "sha256:1ab36173c5442eefac1052e16cd4f6fadab376babf2649f6ff42f84b978b3824"
    )


def test_one_flipped_pixel_of_real_mnist_is_found(real_mnist, tmp_path):
    shutil.copytree(real_mnist, tmp_path / "mnist")
    path = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.chmod(0o644)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[5000] ^= 1
    path.write_bytes(gzip.compress(raw, 1))

    with pytest.raises(data.DataError) as caught:
        data.load("auto", tmp_path)

    assert str(path) in str(caught.value)
    assert "Expected: md5 2646ac647ad5339dbf082846283269ea. Received: md5 " in str(caught.value)


def test_real_mnist_is_not_taken_for_fashion_mnist(real_mnist):
    with pytest.raises(data.DataError, match=r"is MNIST's train-images.*, not Fashion-MNIST's"):
        data.load("fashion_mnist", real_mnist)


def test_a_file_that_unpacks_to_more_than_its_header_says_is_not_unpacked(folder):
    """At most one byte more than expected is read."""
    content = gzip.compress(idx.pack(np.zeros(3, np.uint8)) + bytes(50_000_000))
    unpacked = idx.unpack(content, folder / "labels.gz")
    assert len(unpacked) < 30
    with pytest.raises(data.DataError, match="has trailing bytes"):
        idx.parse(unpacked, 1, "labels.gz")


def test_a_header_that_announces_terabytes_is_refused(folder):
    header = bytes([0, 0, 8, 3]) + bytes([255] * 12)
    with pytest.raises(data.DataError, match="is too large"):
        idx.unpack(gzip.compress(header), folder / "images.gz")
