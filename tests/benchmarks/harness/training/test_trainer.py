"""Training trials, alone and together: real Keras on scikit-learn's digits, on any backend."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.harness import data
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Profile
from benchmarks.harness.training.trainer import Trainer
from benchmarks.networks.dropout_mlp import dropout_mlp

SETTINGS = {
    "train_size": 200,
    "validation_size": 100,
    "batch_size": 20,
    "updates": 40,
    "points": 4,
    "curve_examples": 50,
}


def build(trial, input_shape, num_classes):
    keep = trial.params["keep"]
    return dropout_mlp(input_shape, [16], num_classes, keep=keep, seeds=trial.derive)


def optimizer(trial):
    import keras

    return keras.optimizers.SGD(trial.params["learning_rate"], momentum=0.9)


EXPERIMENT = Experiment(
    name="demo",
    version=1,
    summary="",
    profiles={"quick": Profile(SETTINGS, 2)},
    paper_dataset="MNIST",
    grid=lambda settings: [
        {**settings, "keep": keep, "learning_rate": 0.05} for keep in (0.5, 1.0)
    ],
    work=Training(
        build,
        optimizer,
        structure=lambda params: {
            **params,
            "keep": None,
            "learning_rate": None,
            "train_size": None,
        },
    ),
)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def train(digits):
    return Trainer(EXPERIMENT, digits)


@pytest.fixture(scope="module")
def make_trial(digits):
    def make(repetition=0, **params):
        trials = EXPERIMENT.expand("quick", digits, seed=7, repetitions=2, choices={})
        trial = next(trial for trial in trials if trial.repetition == repetition)
        return type(trial)(**{**vars(trial), "params": {**trial.params, **params}})

    return make


@pytest.fixture(scope="module")
def record(train, make_trial):
    return train(make_trial())


def test_it_learns_and_reports_all_three_sets(record):
    assert record.status == "ok"
    assert record.metrics.keys() == {
        f"{name}_{what}" for name in ("train", "validation", "test") for what in ("loss", "error")
    }
    assert record.metrics["test_error"] < 80  # guessing: 90
    assert record.metrics["test_error"] * 360 / 100 == pytest.approx(
        round(record.metrics["test_error"] * 3.6), abs=1e-9
    )  # the whole test set of 360


def test_curves_have_one_value_for_every_point(record):
    assert {len(values) for values in record.curves.values()} == {4}
    assert record.curves["updates"] == [10, 20, 30, 40]
    assert record.curves["loss"][-1] < record.curves["loss"][0]
    assert (np.diff(record.curves["seconds"]) > 0).all()
    assert record.times["fit_s"] == record.curves["seconds"][-1] <= record.times["wall_s"]


def test_the_last_point_of_a_curve_is_the_final_measurement(train, make_trial):
    record = train(make_trial(curve_examples=10_000))
    for name in ("train", "validation"):
        assert record.curves[f"{name}_error"][-1] == pytest.approx(record.metrics[f"{name}_error"])
        assert record.curves[f"{name}_loss"][-1] == pytest.approx(record.metrics[f"{name}_loss"])


def test_the_same_trial_gives_the_same_record_but_for_times(train, make_trial, record):
    again = train(make_trial())
    assert again.metrics == record.metrics
    for name in record.curves.keys() - {"seconds"}:
        assert again.curves[name] == record.curves[name]


def test_another_repetition_gives_another_record(train, make_trial, record):
    assert train(make_trial(repetition=1)).metrics != record.metrics


def test_watching_changes_nothing(train, make_trial, record):
    unwatched = train(make_trial(curve_examples=0, points=1))
    assert unwatched.metrics == record.metrics
    assert unwatched.curves.keys() == {"updates", "seconds", "loss"}


def test_without_validation_there_are_no_validation_figures(train, make_trial):
    record = train(make_trial(validation_size=0, updates=4, points=2))
    assert not [name for name in {**record.metrics, **record.curves} if "validation" in name]


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(train, make_trial):
    record = train(make_trial(learning_rate=1e30))
    assert (record.status, record.done, record.metrics) == ("diverged", True, {})
    assert not math.isfinite(record.curves["loss"][-1])
    assert len(record.curves["loss"]) < 4


@pytest.mark.parametrize("curve_examples", [0, 50])
def test_weights_that_blow_up_in_the_last_step_are_diverged_too(train, make_trial, curve_examples):
    """The running loss is still finite, because it is computed before the update."""
    record = train(
        make_trial(learning_rate=1e38, updates=1, points=1, curve_examples=curve_examples)
    )
    assert (record.status, record.metrics) == ("diverged", {})
    assert math.isfinite(record.curves["loss"][0])


@pytest.mark.parametrize("missing", ["curve_examples", "validation_size"])
def test_early_stopping_without_a_validation_error_is_refused(train, make_trial, missing):
    with pytest.raises(ValueError, match=rf"`early_stopping` needs.*{missing}=0"):
        train(make_trial(early_stopping=True, **{missing: 0}))


def test_points_that_do_not_divide_the_updates_are_refused(train, make_trial):
    with pytest.raises(ValueError, match=r"`points` must divide `updates`.*points=4, updates=50"):
        train(make_trial(updates=50, points=4))


def test_progress_is_reported_point_by_point(train, make_trial):
    told = []
    train(make_trial(updates=3, points=3), lambda *point: told.append(point))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_record_has_the_environment(record):
    assert {"backend", "device", "packages", "commit", "python"} <= record.environment.keys()


def test_an_impossible_batch_size_is_refused(train, make_trial):
    with pytest.raises(ValueError, match=r"`batch_size` must lie between 1 and the 200.*=201"):
        train(make_trial(batch_size=201))


def assert_alike(together, alone):
    """Compares records, except for rounding and times."""
    assert together.trial == alone.trial
    assert together.status == alone.status
    assert together.times == {}
    assert together.curves.keys() == alone.curves.keys() - {"seconds"}
    for found, expected in ((together.metrics, alone.metrics), (together.curves, alone.curves)):
        for name, value in found.items():
            tolerance = 1.0 if name.endswith("error") else 1e-3  # one image of 100 is 1 %
            np.testing.assert_allclose(value, expected[name], atol=tolerance, equal_nan=True)


@pytest.mark.parametrize(
    "differing",
    [
        [{"keep": 0.5}, {"keep": 1.0}, {"keep": 0.8, "learning_rate": 0.01}],
        [{"repetition": 0}, {"repetition": 1}],
        [{"train_size": 200}, {"train_size": 60, "keep": 1.0}, {"train_size": 40}],
    ],
    ids=["shared batches", "repetitions", "nested training sets"],
)
def test_trials_leave_the_same_records_together_and_alone(train, make_trial, differing):
    trials = [make_trial(**member) for member in differing]
    points = []
    together = train.together(trials, lambda *point: points.append(point))
    for found, trial in zip(together, trials, strict=True):
        assert_alike(found, train(trial))
    assert points == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("rates", [[0.5], [0.5, 0.1, 0.3]], ids=["alone", "together"])
def test_early_stopping_keeps_the_weights_of_the_lowest_validation_error(train, make_trial, rates):
    bumpy = {"points": 8, "curve_examples": 10_000, "early_stopping": True}
    records = train.together([make_trial(learning_rate=rate, **bumpy) for rate in rates])
    curves = [record.curves["validation_error"] for record in records]
    assert any(min(curve) < curve[-1] for curve in curves)
    for record, curve in zip(records, curves, strict=True):
        assert len(curve) == 8  # all updates are done
        assert record.metrics["validation_error"] == pytest.approx(min(curve))
        assert record.metrics["stopped_at"] == record.curves["updates"][np.argmin(curve)]


def test_a_member_that_diverges_is_recorded_and_the_others_continue(train, make_trial):
    trials = [make_trial(learning_rate=1e30), make_trial()]
    diverged, fine = train.together(trials)
    assert (diverged.status, diverged.metrics) == ("diverged", {})
    assert len(diverged.curves["loss"]) < len(fine.curves["loss"]) == 4
    assert_alike(fine, train(trials[1]))


def test_optimizers_that_differ_in_more_than_the_rate_are_named(digits, make_trial):
    import keras

    def optimizer(trial):
        return keras.optimizers.SGD(0.1, momentum=trial.params["keep"])

    train = Trainer(replace(EXPERIMENT, work=replace(EXPERIMENT.work, optimizer=optimizer)), digits)
    with pytest.raises(ValueError, match=r"equal optimizers.*'momentum': 0\.5.*'momentum': 0\.9"):
        train.together([make_trial(keep=0.5), make_trial(keep=0.9)])


def test_a_probe_sees_each_model_at_each_point_alone_and_together(digits, make_trial):
    def probe(trial, model, split):
        kernel = keras_numpy(model.trainable_weights[0])
        return {"norm": float(np.linalg.norm(kernel)), "keeps": trial.params["keep"]}

    probed = Trainer(replace(EXPERIMENT, work=replace(EXPERIMENT.work, probe=probe)), digits)
    pair = [make_trial(keep=keep) for keep in (0.5, 1.0)]
    together = probed.together(pair)
    alone = [probed(trial) for trial in pair]
    for one, other in zip(together, alone, strict=True):
        assert len(set(one.curves["norm"])) == 4
        np.testing.assert_allclose(one.curves["norm"], other.curves["norm"], rtol=1e-4)
        assert one.curves["keeps"] == [one.trial.params["keep"]] * 4
        assert one.metrics["norm"] == one.curves["norm"][-1]
    assert together[0].curves["norm"] != together[1].curves["norm"]


def keras_numpy(variable):
    import keras

    return keras.ops.convert_to_numpy(variable)
