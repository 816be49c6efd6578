"""Cross-entropy and error, compared with SciPy's and with numbers computed by hand."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmarks.harness.data import Examples
from benchmarks.harness.training import scoring
from benchmarks.harness.training.scoring import score

CLASSES = 4
logits = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.just(CLASSES)),
    elements=st.floats(-100, 100, width=32),
)


def examples(logits, labels):
    """Examples whose "images" are logits, so that the identity function predicts them."""
    return Examples(np.asarray(logits), np.asarray(labels))


def identity(x):
    return x


@given(logits, st.data())
def test_loss_and_error_are_those_of_an_independent_formula(logits, data):
    labels = data.draw(arrays.arrays(np.int64, len(logits), elements=st.integers(0, CLASSES - 1)))
    loss, error = score(identity, examples(logits, labels))
    probabilities = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    expected = -sum(row[label] for row, label in zip(probabilities, labels, strict=True))
    assert loss == pytest.approx(expected / len(labels), rel=1e-9, abs=1e-9)
    wrong = sum(int(np.argmax(row)) != label for row, label in zip(logits, labels, strict=True))
    assert error == pytest.approx(100 * wrong / len(labels))


def test_equal_logits_are_the_loss_of_chance():
    loss, _ = score(identity, examples(np.zeros((5, 10)), range(5)))
    assert loss == pytest.approx(math.log(10))


def test_by_hand():
    # Odds 3:1 for the first class: right once, wrong once.
    loss, error = score(identity, examples([[math.log(3), 0.0]] * 2, [0, 1]))
    assert loss == pytest.approx((-math.log(0.75) - math.log(0.25)) / 2)
    assert error == 50.0


@given(logits, st.floats(-1000, 1000, width=32))
def test_a_shift_of_all_logits_changes_nothing(logits, shift):
    logits = logits.astype(np.float64)
    labels = [0] * len(logits)
    shifted = score(identity, examples(logits + shift, labels))
    assert shifted[0] == pytest.approx(score(identity, examples(logits, labels))[0], abs=1e-9)


@pytest.mark.parametrize("size", [1e4, float(np.finfo(np.float32).max)])
def test_extreme_logits_do_not_overflow(size):
    logits = np.array([[size, -size], [size, -size]], np.float32)
    assert score(identity, examples(logits, [0, 0])) == (0.0, 0.0)
    loss, error = score(identity, examples(logits, [1, 1]))
    assert loss == pytest.approx(2 * size)
    assert error == 100.0


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_broken_network_scores_nan_without_a_warning(broken):
    loss, error = score(identity, examples([[broken, 0.0], [0.0, 0.0]], [1, 0]))
    assert math.isnan(loss)
    assert error == 50.0


def test_half_precision_logits_are_summed_in_double():
    logits = np.tile(np.array([[2.0, 0.0]], np.float16), (3000, 1))
    loss, _ = score(identity, examples(logits, [0] * 3000))
    assert loss == pytest.approx(math.log1p(math.exp(-2)), rel=1e-12)


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1250])
def test_every_image_is_seen_once_in_order_in_chunks(count):
    """If there are several chunks, all have the same size; the last is filled up with zeros."""
    seen = []
    x = np.arange(count, dtype=np.float32).reshape(-1, 1)

    def predict(chunk):
        seen.append(chunk)
        return np.concatenate([chunk, np.full_like(chunk, 100)], axis=1)

    _, error = score(predict, Examples(x, np.zeros(count, np.int64)))
    np.testing.assert_array_equal(np.concatenate(seen)[:count], x)
    assert {len(chunk) for chunk in seen} == {min(count, scoring.BATCH)}
    # The first logit, the image's number, exceeds the second, 100, from image 100 on.
    assert error == pytest.approx(100 * min(count, 100) / count)


def test_the_chunk_size_does_not_change_the_scores(monkeypatch):
    generator = np.random.default_rng(0)
    some = examples(generator.normal(size=(50, CLASSES)), generator.integers(0, CLASSES, 50))
    whole = score(identity, some)
    for size in (1, 7, 50):
        monkeypatch.setattr(scoring, "BATCH", size)
        assert score(identity, some) == pytest.approx(whole)


@given(st.lists(st.integers(1, 25), min_size=1, max_size=4), st.booleans())
def test_members_score_as_they_do_alone(counts, shared):
    generator = np.random.default_rng(0)
    sets = [
        examples(generator.normal(size=(n, CLASSES)), generator.integers(0, CLASSES, n))
        for n in counts
    ]
    if shared:
        sets = sets[:1] * len(sets)
    bias = generator.normal(size=(len(sets), CLASSES))

    def predict(x):
        return (x if x.ndim == 3 else x[:, None]) + bias

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "BATCH", 10)
        together = scoring.score_together(predict, sets)
    for member, found in enumerate(together):
        assert found == pytest.approx(score(lambda x, m=member: x + bias[m], sets[member]))
