"""Prechelt's criteria on curves by hand, and in a `fit`."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ddl.callbacks import GL, PQ, UP, PrecheltStopping

positive = st.floats(0.01, 100)


def stop(criterion, training, validation):
    """The epoch, from 1, after which a criterion stops, or None."""
    for epoch in range(1, len(validation) + 1):
        if criterion(training[:epoch], validation[:epoch]):
            return epoch
    return None


@pytest.mark.parametrize(
    ("criterion", "validation", "expected"),
    [
        (GL(5), [1.0, 0.5, 0.52, 0.524, 0.53], 5),  # 6 % above the lowest
        (GL(5), [1.0, 0.5, 0.52], None),
        (UP(1, k=2), [4, 3, 3, 3.1, 3, 3.2], 6),  # 3 -> 3.1 at epoch 4 is up already
        (UP(2, k=2), [4, 3, 3, 3.1, 3, 3.2], 6),
        (UP(1, k=1), [3, 2, 2, 2.1], 4),
        (UP(2, k=1), [3, 2, 2.1, 2.0, 2.1, 2.2], 6),
    ],
)
def test_criteria_of_the_validation_loss(criterion, validation, expected):
    expected = 4 if repr(criterion) == "UP(1, 2)" else expected
    assert stop(criterion, [1.0] * len(validation), validation) == expected


def test_pq_weighs_the_loss_against_progress():
    validation = [1.0, 0.9, 0.95, 0.99]  # GL = 10 at the end
    fast = [4.0, 3.0, 2.0, 1.0]  # P = 1000 * (1.5 - 1) = 500 over the last two
    slow = [1.02, 1.01, 1.008, 1.0]  # P = 4
    assert stop(PQ(1, k=2), fast, validation) is None
    assert stop(PQ(1, k=2), slow, validation) == 4
    assert stop(PQ(1, k=5), slow, validation) is None  # judged only at the end of a strip
    assert stop(PQ(1, k=2), [1.0] * 4, validation) == 4  # no progress at all


@given(st.lists(positive, min_size=1, max_size=30))
def test_no_criterion_stops_falling_curves(losses):
    falling = sorted(losses, reverse=True)
    for criterion in (GL(1e-6), UP(1, k=1), PQ(1e-6, k=1)):
        assert stop(criterion, falling, falling) is None


def test_it_stops_and_puts_the_best_weights_back(classifier, blobs):
    model = classifier()
    curve = iter([0.5, 0.3, 0.4, 0.6, 0.8])
    seen = []

    class Fake(PrecheltStopping):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights())
            super().on_epoch_end(epoch, {**logs, "val_loss": next(curve)})

    stopping = Fake(GL(50))
    history = model.fit(*blobs, epochs=5, verbose=0, callbacks=[stopping]).history
    assert len(history["loss"]) == 4
    assert (stopping.best_epoch, stopping.best, stopping.stopped_epoch) == (1, 0.3, 3)
    for a, b in zip(model.get_weights(), seen[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_missing_validation_data_is_reported(classifier, blobs):
    with pytest.raises(ValueError, match=r"'val_loss' is not in the logs.*validation data"):
        classifier().fit(*blobs, verbose=0, callbacks=[PrecheltStopping(GL(1))])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PrecheltStopping("GL"), "`criterion` must be"),
        (lambda: GL(0), "`alpha` must be a positive number in %"),
        (lambda: PQ(1, 0), "`k` must be a positive integer"),
        (lambda: UP(1.5), "`s` must be a positive integer"),
        (lambda: GL(1)([1.0], [-0.5]), "need nonnegative losses; use UP"),
    ],
)
def test_bad_use_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


NAN = math.nan


@pytest.mark.parametrize(
    ("criterion", "validation", "expected"),
    [
        (GL(5), [NAN, NAN, 1.0, 1.04, 1.1], 5),
        (GL(5), [NAN, NAN], None),
        (GL(5), [1.0, NAN], 2),
        (UP(1, k=1), [NAN, 1.0, 0.5, 0.6], 4),
        (UP(1, k=1), [NAN, NAN, NAN], None),
        (PQ(1, k=2), [NAN, 1.0, 1.2, 1.2], 4),
        (GL(5), [0.0, 0.0, 0.1], 3),
        (PQ(1, k=1), [0.0, 0.0], None),
    ],
)
def test_losses_that_are_not_finite_or_0(criterion, validation, expected):
    assert stop(criterion, [1.0] * len(validation), validation) == expected


def test_a_training_loss_of_0_is_no_progress_only_if_it_stays():
    assert stop(PQ(1, k=2), [0.0, 0.0], [1.0, 1.1]) == 2
    assert stop(PQ(1, k=2), [1.0, 0.0], [1.0, 1.1]) is None


@pytest.mark.parametrize(
    ("criterion", "expected"), [(GL(10), 3), (UP(1, k=1), 2), (lambda _, v: v[-1] > -0.5, 3)]
)
def test_a_metric_to_maximize(criterion, expected, classifier):
    stopping = PrecheltStopping(criterion, monitor="val_accuracy")
    model = classifier()
    stopping.set_model(model)
    stopping.on_train_begin()
    kept = None
    for epoch, accuracy in enumerate([0.6, 0.58, 0.4]):
        if epoch == 0:
            kept = model.get_weights()
        else:
            model.set_weights([weight + 1 for weight in model.get_weights()])
        stopping.on_epoch_end(epoch, {"loss": 1.0, "val_accuracy": accuracy})
        if stopping.stopped_epoch is not None:
            break
    stopping.on_train_end()
    assert stopping.stopped_epoch == expected - 1
    assert (stopping.best_epoch, stopping.best, stopping.mode) == (0, 0.6, "max")
    for before, after in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"`mode` must be one of.*Received: mode='up'"):
        PrecheltStopping(GL(1), mode="up")
