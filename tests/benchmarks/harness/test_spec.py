"""The key of a trial depends on everything that decides its result."""

import json
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.harness.spec import Profile, Record, Trial

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
trials = st.builds(
    Trial,
    experiment=st.text(max_size=5),
    version=st.integers(),
    profile=st.text(max_size=5),
    dataset=st.text(max_size=5),
    data=st.text(max_size=5),
    seed=st.integers(),
    repetition=st.integers(),
    params=st.dictionaries(st.text(max_size=3), values, max_size=4),
)


def tuples(value):
    """The same with tuples for lists."""
    if isinstance(value, list):
        return tuple(tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: tuples(item) for name, item in value.items()}
    return value


def test_the_key_of_a_stored_trial_never_changes():
    # A trial in docs/results. With another key, no stored record would belong to its trial.
    params = {
        "widths": [512, 512, 512],
        "train_size": 2500,
        "validation_size": 2000,
        "batch_size": 128,
        "updates": 1200,
        "learning_rate": 0.05,
        "learning_rate_decay": "linear",
        "learning_rate_time": 1200,
        "momentum": [0.5, 0.95],
        "momentum_time": 120,
        "max_norm": 3.0,
        "input_stddev": None,
        "points": 20,
        "curve_examples": 2000,
        "sweep": "n",
        "keep": 0.1,
    }
    data = "sha256:1ab36173c5442eefac1052e16cd4f6fadab376babf2649f6ff42f84b978b3824"
    trial = Trial("mnist_dropout", 1, "quick", "MNIST", data, 0, 0, params)
    assert trial.key == "0ce7b5bbd7981bee2b64"


@pytest.mark.parametrize("field", [field.name for field in fields(Trial)])
@settings(max_examples=20)
@given(trial=trials, other=trials)
def test_a_change_of_any_field_changes_the_key(field, trial, other):
    changed = getattr(other, field)
    assume(changed != getattr(trial, field))
    assert replace(trial, **{field: changed}).key != trial.key


@given(trials, st.text(max_size=3), values)
def test_one_parameter_more_changes_the_key(trial, name, value):
    assume(name not in trial.params)
    assert replace(trial, params={**trial.params, name: value}).key != trial.key


@given(trials)
def test_the_key_survives_json_and_tuples_and_the_order_of_parameters(trial):
    assert Trial(**json.loads(json.dumps(asdict(trial)))).key == trial.key
    assert replace(trial, params=tuples(trial.params)).key == trial.key
    assert replace(trial, params=dict(reversed(trial.params.items()))).key == trial.key


def test_arms_of_a_repetition_share_their_streams(make_trial):
    one, other = make_trial(rate=0.1), make_trial(rate=0.5, kind="b")
    assert one.derive("init", layer=1) == other.derive("init", layer=1)


def test_repetitions_base_seeds_components_and_axes_have_different_streams(make_trial):
    trial = make_trial()
    seeds = {
        trial.derive("init", layer=1),
        trial.derive("init", layer=2),
        trial.derive("order", layer=1),
        make_trial(repetition=1).derive("init", layer=1),
        make_trial(seed=1).derive("init", layer=1),
    }
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("status", "done"), [("ok", True), ("diverged", True), ("error", False), ("superseded", False)]
)
def test_divergence_is_a_result_and_an_error_is_not(make_trial, status, done):
    assert Record(make_trial(), status, finished="").done is done


def test_settings_of_a_data_set_apply_to_it_only():
    profile = Profile({"a": 1, "b": 2}, 3, {"digits": {"b": 5}})
    assert profile.settings_for("digits") == {"a": 1, "b": 5}
    assert profile.settings_for("mnist") == {"a": 1, "b": 2}
