import contextlib
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.harness import data
from benchmarks.harness.data import npz


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "fashion_mnist.npz"),
        ("fashion_mnist", "fashion-mnist.npz"),
        ("cifar10", "cifar10.npz"),
    ],
)
def test_reads_the_four_arrays(tmp_path, tiny, tiny_arrays, assert_holds, name, file):
    arrays = tiny_arrays(tiny(name))
    np.savez(tmp_path / file, **arrays)

    dataset = data.load(name, tmp_path)

    assert_holds(dataset, arrays)
    assert dataset.source == f"npz file {tmp_path / file}"


def test_grey_images_may_lack_the_channel_axis_and_labels_may_be_a_column(
    tmp_path, tiny, tiny_arrays, assert_holds
):
    arrays = tiny_arrays(tiny("mnist"))
    shaped = {key: a[..., 0] if key.startswith("x") else a[:, None] for key, a in arrays.items()}
    np.savez_compressed(tmp_path / "mnist.npz", **shaped)

    assert_holds(data.load("mnist", tmp_path), arrays)


def test_pickled_objects_are_refused(tmp_path, tiny, tiny_arrays):
    arrays = tiny_arrays(tiny("mnist"))
    np.savez(tmp_path / "mnist.npz", **arrays | {"y_test": np.array([print], object)})

    with pytest.raises(data.DataError, match=r"mnist.npz is truncated or damaged.*allow_pickle"):
        data.load("mnist", tmp_path)


def test_a_missing_array_is_named(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3))

    with pytest.raises(data.DataError, match=r"mnist.npz.*y_train"):
        data.load("mnist", tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0), st.integers(1, 255), st.booleans())
def test_damage_is_found_or_does_no_harm(tmp_path, place, flip, cut):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(20))
    content = bytearray(buffer.getvalue())
    place %= len(content)
    if cut:
        del content[place:]
    else:
        content[place] ^= flip
    path = tmp_path / "file.npz"
    path.write_bytes(content)

    with contextlib.suppress(data.DataError):
        np.testing.assert_array_equal(npz.load(path, ["a"])["a"], np.arange(20))


def test_real_mnist_as_npz_passes_the_checksums_until_a_pixel_changes(real_mnist, tmp_path):
    mnist = data.load("mnist", real_mnist)
    arrays = {key: getattr(mnist, key).copy() for key in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert data.load("mnist", tmp_path).fingerprint == mnist.fingerprint

    arrays["x_test"][0, 0, 0] ^= 1
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(data.DataError, match=r"mnist.npz: x_test .*Expected: md5 .*Received: md5"):
        data.load("mnist", tmp_path)
