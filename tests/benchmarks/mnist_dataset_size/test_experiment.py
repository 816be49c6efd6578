"""Data-set size with and without dropout: its arms, its table and its verdicts."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from matplotlib.figure import Figure

from benchmarks.harness import data, references, views
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record
from benchmarks.mnist_dataset_size.experiment import EXPERIMENT

MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
SIZES = [100, 500, 1_000, 5_000, 10_000, 50_000]
PAPER = references.load("dropout", "fig10")


def trials(profile="gpu", dataset=MNIST, repetitions=1):
    expanded = EXPERIMENT.expand(profile, dataset, seed=0, repetitions=repetitions, choices={})
    return list(expanded)


def records(gain=lambda size: 1.0, none=lambda size: 1000 / size, repetitions=3, sizes=SIZES):
    """A record per arm and repetition. The arms share most of their noise."""
    return [
        Record(
            trial,
            "ok",
            finished="2026-01-01T00:00:00+00:00",
            metrics={
                "train_error": 0.001 * trial.repetition,
                "test_error": none(size)
                + 0.1 * trial.repetition
                - (trial.params["arm"] == "dropout") * (gain(size) + 0.01 * trial.repetition),
            },
        )
        for trial in trials(repetitions=repetitions)
        if (size := trial.params["train_size"]) in sizes
    ]


def verdict(claim_id, found):
    (claim,) = (claim for claim in EXPERIMENT.claims if claim.id == claim_id)
    return claim.judge(found).verdict


def findings(found):
    (claim,) = (claim for claim in EXPERIMENT.claims if claim.id == "dropout-data-size")
    return claim.judge(found).findings


def published(arm):
    return PAPER.values[arm].__getitem__


@pytest.mark.parametrize("profile", EXPERIMENT.profiles)
def test_all_arms_at_every_size_do_the_same_updates(profile):
    found, sizes = trials(profile), EXPERIMENT.profiles[profile].settings["sizes"]
    assert [(t.params["train_size"], t.params["arm"]) for t in found] == [
        (size, arm) for size in sizes for arm in ("dropout", "none", "none, L2")
    ]
    assert len({t.params["updates"] for t in found}) == 1


def test_paper_is_the_published_architecture():
    model = EXPERIMENT.work.build(trials("paper")[0], (28, 28, 1), 10)
    dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == [1024, 1024, 2048, 10]
    assert [(t.params["keep"], t.params["input_keep"]) for t in trials("paper")[:2]] == [
        (0.5, 0.8),
        (1.0, 1.0),
    ]


def test_the_papers_network_without_dropout_has_l2_and_its_own_learning_rate():
    plain, twin = trials("paper")[1:3]
    assert (twin.params["l2"], twin.params["learning_rate"]) == (0.001, 0.01)
    kernels = [
        getattr(layer, "kernel_regularizer", None)
        for layer in EXPERIMENT.work.build(twin, (8, 8, 1), 10).layers
    ]
    assert [float(one.l2) for one in kernels if one is not None] == pytest.approx([0.001] * 4)
    assert EXPERIMENT.structure(plain.params) != EXPERIMENT.structure(twin.params)


def test_arms_have_one_structure_and_start_from_the_same_weights():
    with_dropout, without = (EXPERIMENT.work.build(t, (8, 8, 1), 10) for t in trials("smoke")[:2])
    assert [type(a) for a in with_dropout.layers] == [type(b) for b in without.layers]
    pairs = zip(with_dropout.trainable_weights, without.trainable_weights, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def test_dropout_takes_inputs_and_hidden_units_and_none_takes_none():
    x = np.ones((500, 8, 8, 1), "float32")
    for trial, share in zip(trials("smoke")[:2], (0.2, 0.0), strict=True):
        model = EXPERIMENT.work.build(trial, (8, 8, 1), 10)
        flatten, dropout = model.layers[:2]
        dropped = ops.convert_to_numpy(dropout(flatten(x), training=True)) == 0
        assert dropped.mean() == pytest.approx(share, abs=0.01)


def test_sizes_of_the_digits_profiles_fit_the_data():
    digits = data.load("digits")
    for profile in EXPERIMENT.profiles:
        found = trials(profile, digits)
        assert len({trial.params["train_size"] for trial in found}) >= 4
        for trial in found:
            data.check_sizes(digits, trial.params["train_size"], trial.params["validation_size"])
            assert trial.params["batch_size"] <= trial.params["train_size"]


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (lambda size: {5_000: 2.0, 50_000: 0.5}.get(size, 0.0), "reproduced"),
        (lambda size: {10_000: 2.0, 50_000: -1.0}.get(size, -3.0), "reproduced"),  # harm
        (lambda size: 1.0, "not reproduced"),  # everywhere the same
        (lambda size: size / 25_000, "not reproduced"),  # most where data is plentiful
        (lambda size: -1.0, "not reproduced"),
    ],
)
def test_the_verdict_on_dropout_follows_the_gains(gain, expected):
    assert verdict("dropout-data-size", records(gain)) == expected


def test_the_published_values_reproduce_both_claims():
    def gain(size):
        return published("none")(size) - published("dropout")(size)

    found = records(gain, none=published("none"))
    assert verdict("dropout-data-size", found) == "reproduced"
    assert verdict("data-overfit", found) == "reproduced"


def test_a_size_that_was_not_run_leaves_the_claim_open():
    gains = {"gain": lambda size: 2.0 * (size == 5_000)}
    assert verdict("dropout-data-size", records(**gains, sizes=SIZES[1:])) == "not run"
    # Where data is plentiful only large profiles judge it.
    assert verdict("dropout-data-size", records(**gains, sizes=SIZES[:-1])) == "reproduced"


def test_the_papers_network_is_what_dropout_is_compared_with_if_it_was_run():
    found = records(lambda size: {5_000: 2.0, 50_000: 0.5}.get(size, 0.0))
    assert any("over none, L2" in finding.what for finding in findings(found))
    found = [record for record in found if record.trial.params["arm"] != "none, L2"]
    assert any("over none at" in finding.what for finding in findings(found))


def test_a_size_that_dropout_did_not_learn_is_not_judged():
    found = [
        replace(record, metrics={**record.metrics, "train_error": 2.0 + record.trial.repetition})
        if record.trial.params["train_size"] == 50_000
        else record
        for record in records(lambda size: {5_000: 2.0, 50_000: 0.5}.get(size, 0.0))
    ]
    (claim,) = (claim for claim in EXPERIMENT.claims if claim.id == "dropout-data-size")
    assert claim.judge(found).label == "inconclusive: undertrained"


@pytest.mark.parametrize(
    ("none", "expected"),
    [
        (lambda size: 2000 / size, "reproduced"),
        (lambda size: size / 1000, "not reproduced"),  # the gap grows
        (lambda size: 100 / size, "not reproduced"),  # no overfitting to begin with
    ],
)
def test_the_verdict_on_overfitting_follows_the_gaps(none, expected):
    assert verdict("data-overfit", records(none=none)) == expected


@pytest.mark.parametrize("claim", ["dropout-data-size", "data-overfit"])
def test_one_seed_or_none_decides_nothing(claim):
    found = records(lambda size: 2.0 * (size == 5_000), repetitions=1)
    assert verdict(claim, found) == "inconclusive"
    assert verdict(claim, []) == "not run"


def test_the_table_has_both_arms_the_paired_gain_and_the_papers():
    (section,) = run_report.make(EXPERIMENT, records(none=lambda size: 5.0)).sections
    headers, rows = section.view.table(section)
    row = dict(zip(headers, map(str, rows[3]), strict=True))
    assert row["training images"] == "5,000"
    assert row["dropout: test error %"] == "4.09 ± 0.22"
    assert row["none: test error %"] == "5.10 ± 0.25"
    assert row["paired gain over none pp"] == "1.01 ± 0.02"
    assert row["none, L2: test error %"] == "5.10 ± 0.25"
    assert row["none: test - train pp"] == "5.10 ± 0.25"
    assert (row["paper: dropout %"], row["paper: none %"]) == ("2.94 ± 0.36", "4.69 ± 0.48")
    assert row["paper: gain pp"] == "1.75"


def test_an_arm_that_diverged_can_be_drawn_and_counts_as_guessing():
    found = [
        Record(r.trial, "diverged", r.finished) if r.trial.params["arm"] == "dropout" else r
        for r in records(repetitions=2)
    ]
    (section,) = run_report.make(EXPERIMENT, found).sections
    _, rows = section.view.table(section)
    assert rows[0][1] == "n/c"
    assert rows[0][4].mean == pytest.approx(10.05 - 90)
    section.view.draw(section, Figure())
    assert views.arm(found, arm="none", train_size=100)
