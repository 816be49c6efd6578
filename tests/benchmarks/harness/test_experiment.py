"""An experiment expands to trials."""

import dataclasses
from types import SimpleNamespace

import pytest


@pytest.fixture
def expand(demo, mnist):
    def expand(profile="quick", dataset=mnist, seed=0, repetitions=2, kind="both"):
        trials = demo.expand(
            profile, dataset, seed=seed, repetitions=repetitions, choices={"kind": kind}
        )
        return list(trials)

    return expand


def test_every_repetition_holds_every_arm_before_the_next_begins(expand):
    arms = [(kind, rate) for kind in "ab" for rate in (0.1, 0.5)]
    assert [
        (trial.repetition, trial.params["kind"], trial.params["rate"]) for trial in expand()
    ] == [(repetition, *arm) for repetition in range(2) for arm in arms]


def test_all_trials_of_a_run_have_different_keys(expand):
    runs = [*expand(), *expand("paper"), *expand(seed=1)]
    assert len({trial.key for trial in runs}) == 3 * 8


def test_more_repetitions_keep_the_trials_already_run(expand):
    fewer, more = expand(repetitions=1), expand(repetitions=3)
    assert [trial.key for trial in more[:4]] == [trial.key for trial in fewer]


def test_a_choice_narrows_the_run_and_keeps_its_keys(expand):
    chosen = {trial.key for trial in expand(kind="b")}
    assert chosen == {trial.key for trial in expand() if trial.params["kind"] == "b"}


def test_trials_say_what_they_ran_on(expand, demo):
    digits = SimpleNamespace(name="digits", title="Digits (8x8)", fingerprint="sha256:1")
    trial = expand(dataset=digits, seed=4)[0]
    assert dataclasses.asdict(trial) == {
        "experiment": "demo",
        "version": 1,
        "profile": "quick",
        "dataset": "Digits (8x8)",
        "data": "sha256:1",
        "seed": 4,
        "repetition": 0,
        "params": {**demo.profiles["quick"].settings, "train_size": 300, "kind": "a", "rate": 0.1},
    }


def test_a_label_names_the_arm_and_the_repetition(demo, make_trial):
    assert demo.label(make_trial(rate=0.1, repetition=2)) == "kind a, rate 0.1, repetition 2"


def test_a_label_names_a_parameter_of_several_views_once(demo, make_trial):
    twice = dataclasses.replace(demo, views=demo.views * 2)
    assert twice.label(make_trial()) == demo.label(make_trial())


def test_a_label_leaves_out_what_a_trial_does_not_have(demo, make_trial):
    params = {"rate": 0.5}
    trial = dataclasses.replace(make_trial(), params=params)
    assert demo.label(trial) == "rate 0.5, repetition 0"
