"""A group that is interrupted and resumed leaves the records of an uninterrupted one."""

from dataclasses import replace

import pytest

from benchmarks.harness import data
from benchmarks.harness.deadline import Deadline, OutOfTimeError
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Profile
from benchmarks.harness.training.checkpoints import Checkpoints
from benchmarks.harness.training.trainer import Trainer
from benchmarks.networks.dropout_mlp import dropout_mlp
from benchmarks.norm_batch_size.training import last_errors

SETTINGS = {
    "train_size": 200,
    "validation_size": 100,
    "batch_size": 20,
    "updates": 40,
    "points": 4,
    "curve_examples": 50,
    "early_stopping": True,
    "median_of": 3,
}


def build(trial, input_shape, num_classes):
    return dropout_mlp(
        input_shape, [16], num_classes, keep=trial.params["keep"], seeds=trial.derive
    )


def optimizer(trial):
    import keras

    return keras.optimizers.SGD(0.05, momentum=0.9)


def watchers(trials, splits):
    return last_errors(trials, splits)


EXPERIMENT = Experiment(
    name="demo",
    version=1,
    summary="",
    profiles={"quick": Profile(SETTINGS, 1)},
    paper_dataset="MNIST",
    grid=lambda settings: [{**settings, "keep": keep} for keep in (0.5, 1.0)],
    work=Training(build, optimizer, structure=lambda params: {}, watchers=watchers),
)


class Soon(Deadline):
    """A deadline that comes after some looks at the clock."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    @property
    def left(self):
        self.looks -= 1
        return float("inf") if self.looks >= 0 else -1.0


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def trials(digits):
    return [*EXPERIMENT.expand("quick", digits, seed=7, repetitions=1, choices={})]


@pytest.fixture
def run(digits, tmp_path):
    def run(trials, deadline=None, experiment=EXPERIMENT):
        notes = []
        trainer = Trainer(experiment, digits)
        trainer.checkpoints = Checkpoints(tmp_path / "checkpoints", deadline, notes.append)
        points = []
        try:
            records = trainer.together(trials, lambda point, of: points.append(point))
        except OutOfTimeError:
            records = None
        return records, points, notes

    return run


def outcomes(records):
    """What does not depend on the clock."""
    return [
        (record.status, record.metrics, {k: v for k, v in record.curves.items() if k != "seconds"})
        for record in records
    ]


@pytest.mark.parametrize("members", [1, 2])
def test_a_resumed_group_leaves_the_same_records(run, trials, members):
    group = trials[:members]
    whole, _, _ = run(group)
    stopped, before, _ = run(group, Soon(1))
    assert stopped is None
    resumed, after, notes = run(group)
    assert (before, after, notes) == ([1, 2], [3, 4], [])
    assert outcomes(resumed) == outcomes(whole)
    assert len(resumed[0].curves["loss"]) == SETTINGS["points"]


def test_after_corrupt_checkpoints_the_group_begins_again(run, trials, tmp_path):
    run(trials, Soon(1))
    (path,) = (tmp_path / "checkpoints").iterdir()
    path.write_bytes(b"no checkpoint")
    records, points, notes = run(trials)
    assert points == [1, 2, 3, 4]
    assert "is corrupt and is not used" in notes[0]
    assert notes[1] == "note: the trial begins again"
    assert all(record.done for record in records)


def test_a_callback_that_cannot_be_restored_prevents_checkpoints(run, trials, tmp_path):
    import keras

    def unknown(trials, splits):
        return [*last_errors(trials, splits), keras.callbacks.Callback()]

    experiment = replace(EXPERIMENT, work=replace(EXPERIMENT.work, watchers=unknown))
    records, _, _ = run(trials, Soon(1), experiment)
    assert len(records) == 2
    assert not (tmp_path / "checkpoints").exists()


def test_removing_the_checkpoints_of_trials_spares_those_of_others(trials, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    one, both, other = trials[:1], trials, trials[1:]
    for group in (one, both, other):
        checkpoints.path(group).write_bytes(b"")
        assert checkpoints.exists(group)
    checkpoints.remove(one)
    assert [checkpoints.exists(group) for group in (one, both, other)] == [False, False, True]
    checkpoints.remove(other)
    assert not tmp_path.exists()
