"""Guessing, and runs that are far worse."""

import math
from dataclasses import replace

import pytest

from benchmarks.harness import guessing
from benchmarks.harness.views import GUESSING, values


def test_guessing_among_classes():
    assert guessing.error(10) == 90.0
    assert guessing.error(1000) == pytest.approx(99.9)
    assert guessing.loss(10) == pytest.approx(2.302585)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(2.3, False), (23.0, False), (23.1, True), (9.9e18, True), (math.inf, True), (math.nan, True)],
)
def test_a_loss_over_ten_times_that_of_guessing_diverged(loss, expected):
    assert guessing.diverged(loss, 10) == expected


def test_an_earlier_record_with_such_a_loss_counts_as_diverged(make_record):
    record = make_record()
    lost = replace(record, metrics={"test_error": 90.0, "train_loss": 9.9e18})
    assert guessing.checked(lost).status == "diverged"
    assert guessing.checked(lost).metrics == {}
    kept = replace(record, metrics={"test_error": 5.0, "train_loss": 0.1})
    assert guessing.checked(kept) is kept


def test_a_run_that_diverged_counts_as_guessing_among_its_classes(make_record):
    record = replace(make_record(), status="diverged", metrics={})
    assert values([record], "test_error", diverged=GUESSING) == {0: 90.0}
    thousand = replace(record, environment={"classes": 1000})
    assert values([thousand], "test_error", diverged=GUESSING)[0] == pytest.approx(99.9)
