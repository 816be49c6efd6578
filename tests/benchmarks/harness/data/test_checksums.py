import dataclasses
import hashlib

import pytest

from benchmarks.harness.data.checksums import verify
from benchmarks.harness.data.errors import DataError, NotHereError
from benchmarks.harness.data.known import FACTS


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture(autouse=True)
def published(monkeypatch):
    """Two datasets with a few short files."""
    mnist = dataclasses.replace(FACTS["mnist"], md5={"train": md5(b"one"), "test": md5(b"two")})
    cifar = dataclasses.replace(FACTS["cifar10"], md5={"batch.gz": md5(b"three")})
    monkeypatch.setitem(FACTS, "mnist", mnist)
    monkeypatch.setitem(FACTS, "cifar10", cifar)


def test_the_published_file_passes():
    verify(FACTS["mnist"], "file", {"train": b"one"})


def test_a_form_without_a_published_checksum_is_not_compared():
    verify(FACTS["mnist"], "file", {"train": b"one", "train.gz": b"packed somehow"})


def test_a_changed_file_is_refused_with_both_checksums():
    with pytest.raises(DataError) as caught:
        verify(FACTS["mnist"], "some/file", {"train": b"One"})

    assert not isinstance(caught.value, NotHereError)
    for part in ("some/file", f"Expected: md5 {md5(b'one')}", f"Received: md5 {md5(b'One')}"):
        assert part in str(caught.value)


def test_another_file_of_the_same_dataset_is_recognised():
    with pytest.raises(DataError, match=r"that is MNIST's test"):
        verify(FACTS["mnist"], "file", {"train": b"two"})


def test_a_file_of_another_dataset_is_recognised_in_any_form():
    with pytest.raises(NotHereError, match=r"file is CIFAR-10's batch.gz, not MNIST's"):
        verify(FACTS["mnist"], "file", {"train": b"unpacked", "train.gz": b"three"})
