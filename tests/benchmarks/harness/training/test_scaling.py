"""The predicted duration of a sweep on several machines."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.harness.training import scaling

DATA = SimpleNamespace(
    x_train=np.zeros(1000, "uint8"),
    y_train=np.zeros(0),
    x_test=np.zeros(24, "uint8"),
    y_test=np.zeros(0),
)


@pytest.fixture
def timed(make_record):
    """Records of a group of 10 trials: 100 s of start-up, then 5 s from point to point."""

    def make(profile="quick", device="Some GPU", updates=1000, point_s=5.0, repetition=0):
        record = make_record(repetition=repetition, updates=updates, points=10)
        return replace(
            record,
            trial=replace(record.trial, profile=profile),
            times={"point_s": point_s, "startup_s": 100.0},
            environment={"device": device, "gpu": "GPU" in device, "members": 10},
        )

    return make


@pytest.fixture
def trials(make_trial):
    return [make_trial(repetition=repetition, updates=2000) for repetition in range(40)]


@pytest.fixture
def experiment(demo):
    return replace(demo, work=replace(demo.work, structure=lambda params: {}))


def test_the_pace_is_taken_from_groups_of_the_same_profile(timed):
    records = [timed(), timed(point_s=7.0), timed(point_s=6.0), timed("paper", updates=9000)]
    pace = scaling.pace([*records, *records], "quick")
    assert (pace.profile, pace.count, pace.startup) == ("quick", 3, 100.0)
    assert pace.step == pytest.approx(6.0 * 10 / 1000 / 10)  # points, updates, members


def test_without_groups_of_the_profile_the_longest_other_one_counts(timed, make_record):
    records = [timed(), timed("gpu", updates=9000), make_record()]
    assert scaling.pace(records, "paper").profile == "gpu"
    assert scaling.pace([make_record()], "paper") is None


def test_more_nodes_take_less_time_and_idle_more(experiment, trials, timed):
    prediction = scaling.predict(experiment, trials, [timed()], (1, 3, 8, 512), DATA)
    rows = prediction.rows
    # A trial of 2,000 updates takes 10 s. One node trains one group of 40.
    assert rows[0] == {
        "nodes": 1,
        "groups": 1,
        "hours": pytest.approx(500 / 3600, rel=5e-3),
        "idle %": 0,
        "GB moved": rows[0]["GB moved"],
    }
    assert [row["groups"] for row in rows] == [1, 3, 8, 40]
    assert rows[2]["hours"] == pytest.approx(150 / 3600, rel=5e-3)
    assert rows[2]["idle %"] == 0
    assert rows[1]["idle %"] == pytest.approx(100 * (1 - 700 / (3 * 240)), rel=5e-3)
    assert rows[3]["hours"] == pytest.approx(110 / 3600, rel=5e-3)
    assert rows[3]["idle %"] == pytest.approx(100 * (1 - 40 / 512), rel=5e-3)
    assert rows[3]["GB moved"] > rows[0]["GB moved"] > 40 * 100 / 1e9
    assert "Predicted from 1 measured group of profile quick on Some GPU" in prediction.about


def test_groups_on_processors_are_smaller(experiment, trials, timed):
    (row,) = scaling.predict(experiment, trials, [timed(device="Some CPU")], (1,), DATA).rows
    assert row["groups"] == 5


def test_without_measured_groups_there_is_no_prediction(experiment, trials):
    prediction = scaling.predict(experiment, trials, [], (1, 8), DATA)
    assert prediction.rows == []
    assert "no group in the results folder was timed" in prediction.about
