"""Rates of false and of right verdicts, for every claim that an experiment judges."""

import pytest
from matplotlib.figure import Figure
from scipy import stats

from benchmarks.costs import verdicts
from benchmarks.harness import power
from benchmarks.harness.claims import NOT_REPRODUCED, REPRODUCED
from benchmarks.harness.power import PAPER, SCENARIOS
from benchmarks.harness.results import run_report
from benchmarks.harness.spec import Record

CLAIMS = [pytest.param(*pair, id="-".join(name)) for name, pair in verdicts.claims().items()]
CHANCE = 1e-4  # of a set of records that misses a limit which the claim meets


def most(limit, sets):
    """The largest % of sets that a rate at its limit gives, but for an unlucky draw."""
    return 100 * stats.binom.ppf(1 - CHANCE, sets, limit / 100) / sets


def least(limit, sets):
    return 100 * stats.binom.ppf(CHANCE, sets, limit / 100) / sets


def check(experiment, claim, sets, scenarios):
    assert claim.effects is not None, (
        f"the claim {claim.id} of {experiment.name} must state its effects: see "
        "benchmarks/harness/effects.py"
    )
    for name in scenarios:
        scenario = SCENARIOS[name]
        shares = power.rates(experiment, claim, scenario, profile=verdicts.PROFILE, sets=sets)
        if not scenario.true:
            assert shares.get(REPRODUCED, 0) <= most(verdicts.FALSE_REPRODUCED, sets), name
        else:
            wrong = shares.get(NOT_REPRODUCED, 0)
            assert wrong <= most(verdicts.FALSE_NOT_REPRODUCED, sets), name
        if name == PAPER:
            assert shares.get(REPRODUCED, 0) >= least(verdicts.POWER, sets), name


@pytest.mark.parametrize(("experiment", "claim"), CLAIMS)
def test_every_claim_keeps_its_limits(experiment, claim):
    check(experiment, claim, 10, (PAPER, "opposite effect"))


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "claim"), CLAIMS)
def test_every_claim_keeps_its_limits_without_an_effect_and_with_huge_noise(experiment, claim):
    check(experiment, claim, 25, [name for name in SCENARIOS if name != "opposite effect"])


@pytest.mark.exhaustive
@pytest.mark.parametrize(("experiment", "claim"), CLAIMS)
def test_every_claim_keeps_its_limits_in_many_sets(experiment, claim):
    check(experiment, claim, 1_000, SCENARIOS)


def test_limits_are_missed_as_the_guide_says():
    shares = {"reproduced": 79.0, "not_reproduced": 0.0}
    assert verdicts.misses(PAPER, shares) == "power"
    assert verdicts.misses("no effect", shares) == "false reproduced"
    assert verdicts.misses(PAPER, {"reproduced": 90.0, "not_reproduced": 6.0}) == (
        "false not reproduced"
    )
    assert verdicts.misses("opposite effect", {"reproduced": 0.0, "not_reproduced": 100.0}) == ""


def test_the_table_has_a_row_for_each_claim():
    settings = verdicts.EXPERIMENT.profiles["smoke"].settings
    grid = verdicts.grid(settings)
    assert {(p["experiment"], p["claim"]) for p in grid} == {*verdicts.claims()}
    expanded = power.trials(verdicts.EXPERIMENT, "smoke", 1)
    found = [
        Record(trial, "ok", "2026-01-01T00:00:00+00:00", {"reproduced": 1.0, "not_reproduced": 2.0})
        for trial in expanded[: 2 * len(SCENARIOS)]
    ]
    (section,) = run_report.make(verdicts.EXPERIMENT, found).sections
    headers, rows = section.view.table(section)
    assert len(rows) == 2
    assert dict(zip(headers, rows[0], strict=True))[PAPER] == "1.0 / 2.0"
    assert rows[0][-1] == "power"
    section.view.draw(section, Figure())


def test_a_measurement_counts_verdicts():
    trial = next(
        trial
        for trial in power.trials(verdicts.EXPERIMENT, "smoke", 1)
        if trial.params["claim"] == "activation-table" and trial.params["scenario"] == PAPER
    )
    metrics, _ = verdicts.measure(trial)
    assert metrics == {"reproduced": pytest.approx(100.0), "not_reproduced": 0.0}


@pytest.mark.parametrize("profile", ["paper", "gpu", "smoke"])
def test_the_power_of_every_profile_can_be_computed(profile):
    """As `--dry-run` does it."""
    for experiment, claim in verdicts.claims().values():
        if profile in experiment.profiles:
            power.rates(experiment, claim, SCENARIOS[PAPER], profile=profile, sets=1)
