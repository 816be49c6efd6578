"""Profiles from TOML, and the profiles of every experiment."""

import pytest

from benchmarks.catalogue import experiments
from benchmarks.harness import profiles
from benchmarks.harness.data import NAMES


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "demo.toml").write_text(text)
        return profiles.load("demo", tmp_path)

    return load


BASE = '[paper]\nrepetitions = 5\nwidth = 2048\nrate = 0.1\nstddev = "none"\n'


def test_a_table_is_a_profile(load):
    paper = load(BASE)["paper"]
    assert paper.settings == {"width": 2048, "rate": 0.1, "stddev": None}
    assert paper.repetitions == 5
    assert paper.datasets == {}


def test_repetitions_default_to_one(load):
    assert load("[paper]\nwidth = 1\n")["paper"].repetitions == 1


def test_profiles_come_smallest_first(load):
    assert [*load(f'{BASE}[quick]\nextends = "paper"\n[smoke]\n')] == ["smoke", "quick", "paper"]


def test_extending_starts_from_the_other_profile(load):
    found = load(f'{BASE}[quick]\nextends = "paper"\nwidth = 8\nextra = "x"\n')
    assert found["quick"].settings == {"width": 8, "rate": 0.1, "stddev": None, "extra": "x"}
    assert found["quick"].repetitions == 5
    assert found["paper"].settings["width"] == 2048


def test_extending_works_through_several_profiles(load):
    found = load(
        f'{BASE}[quick]\nextends = "paper"\nwidth = 8\nrepetitions = 3\n'
        '[smoke]\nextends = "quick"\nrate = 0.5\n'
    )
    assert found["smoke"].settings == {"width": 8, "rate": 0.5, "stddev": None}
    assert found["smoke"].repetitions == 3


def test_none_can_override_an_extended_value(load):
    found = load(f'{BASE}[quick]\nextends = "paper"\nrate = "none"\n')
    assert found["quick"].settings["rate"] is None


def test_what_a_profile_changes_for_a_data_set_is_inherited(load):
    found = load(
        f"{BASE}[paper.digits]\nwidth = 64\nrate = 0.9\n"
        '[quick]\nextends = "paper"\nwidth = 8\n'
        "[quick.digits]\nwidth = 4\n[quick.cifar10]\nrate = 0.7\n"
    )
    assert found["quick"].settings_for("digits") == {"width": 4, "rate": 0.9, "stddev": None}
    assert found["quick"].settings_for("cifar10") == {"width": 8, "rate": 0.7, "stddev": None}
    assert found["quick"].settings_for("mnist") == {"width": 8, "rate": 0.1, "stddev": None}
    assert found["paper"].settings_for("digits") == {"width": 64, "rate": 0.9, "stddev": None}


def test_a_data_set_that_only_the_extended_profile_names_is_inherited_too(load):
    found = load(f'{BASE}[paper.digits]\nwidth = 64\n[quick]\nextends = "paper"\nrate = 0.5\n')
    assert found["quick"].settings_for("digits") == {"width": 64, "rate": 0.5, "stddev": None}


def test_none_stands_for_none_in_a_data_sets_table_too(load):
    found = load(f'{BASE}[paper.digits]\nrate = "none"\n')
    assert found["paper"].settings_for("digits")["rate"] is None


@pytest.mark.parametrize("experiment", experiments(), ids=lambda experiment: experiment.name)
def test_every_experiment_has_the_three_profiles_with_the_same_settings(experiment):
    assert {"smoke", "quick", "paper"} <= experiment.profiles.keys()
    names = experiment.profiles["paper"].settings.keys()
    for profile in experiment.profiles.values():
        assert profile.repetitions >= 1
        assert profile.datasets.keys() <= set(NAMES)
        # A profile may add what the published set-up lacks, such as augmentation. The paper's
        # trials do not name it.
        for dataset in NAMES:
            assert profile.settings_for(dataset).keys() >= names


@pytest.mark.parametrize("experiment", experiments(), ids=lambda experiment: experiment.name)
def test_profiles_only_grow_with_their_name(experiment):
    # The size is the number of updates. Experiments without it have training images, examples,
    # synthetic sets of records or repetitions.
    profiles = [experiment.profiles[name] for name in ("smoke", "quick", "paper")]
    settings = profiles[-1].settings
    cost = next(
        (name for name in ("updates", "train_size", "examples", "sets") if name in settings), None
    )
    sizes = [p.settings[cost] if cost else p.repetitions for p in profiles]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_costs_are_not_inherited(load):
    found = load(f'{BASE}[quick]\nextends = "paper"\ncosts = "width"\n[smoke]\nextends = "quick"\n')
    assert [profile.costs for profile in found.values()] == ["", "width", ""]
    assert "costs" not in found["quick"].settings
