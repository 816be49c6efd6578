import dataclasses

import numpy as np
import pytest

from benchmarks.harness.data.conform import KEYS, conform
from benchmarks.harness.data.dataset import content_hash
from benchmarks.harness.data.errors import DataError

ORIGINS = {key: f"file of {key}" for key in KEYS}


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_right_arrays_become_a_dataset(tiny, tiny_arrays, assert_holds, name):
    facts = tiny(name)
    arrays = tiny_arrays(facts)

    dataset = conform(facts, arrays, ORIGINS, "somewhere")

    assert_holds(dataset, arrays)
    assert (dataset.name, dataset.title) == (name, f"{facts.title} (unverified)")
    assert (dataset.maximum, dataset.source) == (255, "somewhere")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("x_train", lambda x: x / 255, "Expected: uint8 .*Received: float64"),
        ("x_test", lambda x: x[:, :-1], r"\(n, 28, 28, 1\). Received: uint8 of shape \(10, 27"),
        ("x_test", lambda x: x[:-1], r"y_test does not fit file of x_test. Expected: 9 .*: 10"),
        ("y_train", lambda y: y.astype(float), "Expected: integers .* Received: float64"),
        ("y_train", lambda y: np.eye(10, dtype=int)[y], r"Expected: integers .*\(20, 10\)"),
        ("y_train", lambda y: y + 1, "out of range. Expected: 0 to 9. Received: 1 to 10"),
        ("y_train", lambda y: y - 1, "out of range. Expected: 0 to 9. Received: -1 to 8"),
        ("y_test", np.zeros_like, r"Expected: 10 labels, .* Received: 10, by class \(10, 0"),
    ],
)
def test_wrong_arrays_are_refused_with_their_origin(tiny, tiny_arrays, key, change, message):
    facts = tiny("mnist")
    arrays = tiny_arrays(facts)
    arrays[key] = change(arrays[key])

    with pytest.raises(DataError, match=message) as caught:
        conform(facts, arrays, ORIGINS, "somewhere")

    assert ORIGINS[key] in str(caught.value)


def test_a_part_of_a_dataset_is_refused(tiny, tiny_arrays):
    facts = tiny("mnist")
    arrays = {key: array[:5] for key, array in tiny_arrays(facts).items()}

    with pytest.raises(DataError, match=r"only a part of it. Expected: 20 labels.* Received: 5"):
        conform(facts, arrays, ORIGINS, "somewhere")


def test_arrays_with_the_published_content_are_verified_in_any_order(tiny, tiny_arrays):
    facts = tiny("mnist")
    arrays = tiny_arrays(facts)
    facts = dataclasses.replace(facts, contents=(content_hash(arrays),))
    assert conform(facts, arrays, ORIGINS, "somewhere").title == "MNIST"

    order = np.random.default_rng(0).permutation(len(arrays["y_train"]))
    shuffled = {**arrays, "x_train": arrays["x_train"][order], "y_train": arrays["y_train"][order]}
    assert conform(facts, shuffled, ORIGINS, "somewhere").title == "MNIST"

    arrays["x_test"][3, 5, 5] ^= 1
    assert conform(facts, arrays, ORIGINS, "somewhere").title == "MNIST (unverified)"


def test_exchanged_labels_change_the_content(tiny, tiny_arrays):
    arrays = tiny_arrays(tiny("mnist"))
    before = content_hash(arrays)
    arrays["y_train"] = arrays["y_train"][::-1].copy()
    assert content_hash(arrays) != before


def test_files_with_published_checksums_are_verified(tiny, tiny_arrays):
    facts = tiny("cifar10")
    dataset = conform(facts, tiny_arrays(facts), ORIGINS, "somewhere", verified=True)
    assert dataset.title == "CIFAR-10"
