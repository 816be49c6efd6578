import contextlib
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.data import unpickle
from benchmarks.harness.data.errors import DataError


class Call:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_bytes_come_back(protocol, order):
    array = np.arange(12, dtype=np.uint8).reshape(3, 4, order=order)

    loaded = unpickle.load(pickle.dumps({"data": array, "labels": [1, 2]}, protocol), "file")

    np.testing.assert_array_equal(loaded["data"].array(), array)
    assert loaded["labels"] == [1, 2]


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (lambda file: Call(os.system, f"touch {file}"), r"(posix|nt)\.system"),
        (lambda file: Call(eval, f"open({str(file)!r}, 'w')"), r"(builtins|__builtin__)\.eval"),
        (lambda file: Call(open, file, "w"), r"(io|__builtin__)\.open"),
        (lambda file: Call(getattr, "a", "upper"), r"(builtins|__builtin__)\.getattr"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_a_pickle_that_would_run_code_is_not_run(tmp_path, payload, name, protocol):
    file = tmp_path / "made by the pickle"
    content = pickle.dumps({"data": payload(file)}, protocol)

    with pytest.raises(DataError, match=rf"^bad.pkl .*Received: {name}"):
        unpickle.load(content, "bad.pkl")

    assert not file.exists()


def test_arrays_of_another_type_are_refused():
    loaded = unpickle.load(pickle.dumps(np.arange(3.0), 2), "file")

    with pytest.raises(TypeError, match="f8"):
        loaded.array()


def test_other_codecs_are_refused():
    content = pickle.dumps(b"\xff", 2).replace(b"latin1", b"rot-13")

    with pytest.raises(DataError, match="codec rot-13"):
        unpickle.load(content, "file")


@settings(deadline=None)
@given(st.integers(0), st.integers(1, 255), st.booleans())
def test_damage_raises_nothing_else(place, flip, cut):
    array = np.arange(200, dtype=np.uint8)
    content = bytearray(pickle.dumps({b"data": array, b"labels": [1, 2, 3]}, 2))
    place %= len(content)
    if cut:
        del content[place:]
    else:
        content[place] ^= flip

    with contextlib.suppress(DataError):
        unpickle.load(bytes(content), "file")
        assert not cut
