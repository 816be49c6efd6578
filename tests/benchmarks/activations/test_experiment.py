"""The catalogue as an experiment: every function is measured; a wrong cell refutes the claim."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.activations.experiment import CELLS, EXPERIMENT, measure
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.spec import Record
from keras_ddl.activations import CATALOGUE, Properties


def trials(profile="quick", repetitions=3):
    return [
        *EXPERIMENT.expand(profile, RandomNumbers(), seed=0, repetitions=repetitions, choices={})
    ]


def verdict(wrong):
    """The verdict on records with the given numbers of wrong cells, by function and repetition."""
    (claim,) = EXPERIMENT.claims
    return claim.judge(
        [
            Record(t, "ok", "", metrics={"wrong": wrong(t.params["function"], t.repetition)})
            for t in trials()
        ]
    ).verdict


@pytest.mark.parametrize("profile", EXPERIMENT.profiles)
def test_every_function_of_the_catalogue_is_measured(profile):
    names = [trial.params["function"] for trial in trials(profile, 1)]
    assert names == [entry.name for entry in CATALOGUE]


def test_the_cells_are_those_of_the_catalogue():
    described = {"name", "function", "closed"}  # `closed` belongs to the range
    assert len(Properties.__dataclass_fields__.keys() - described) == CELLS


def test_a_right_row_has_no_wrong_cell_and_a_wrong_row_has(monkeypatch):
    trial = trials()[1]
    assert measure(trial)[0]["wrong"] == 0
    broken = [replace(entry, monotonic=not entry.monotonic) for entry in CATALOGUE]
    monkeypatch.setattr("keras_ddl.activations.CATALOGUE", broken)
    assert measure(trial)[0]["wrong"] == 1


def test_one_wrong_cell_refutes_the_claim():
    assert verdict(lambda function, repetition: 0.0) == "reproduced"
    assert verdict(lambda function, repetition: float(function == "tanh")) == "not reproduced"
    assert EXPERIMENT.claims[0].judge([]).verdict == "not run"


def test_further_inputs_differ_between_repetitions():
    drawn = [SimpleNamespace(key=t.derive("numbers")).key for t in trials()[:: len(CATALOGUE)]]
    assert len(set(drawn)) == 3
