"""`python -m benchmarks`, and the commands and experiments that the catalogue finds."""

import subprocess
import sys
from pathlib import Path

from benchmarks.catalogue import entries, experiments

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_KERAS = """
import sys
import benchmarks.report.pages, benchmarks.harness.cli, benchmarks.harness.results.plots
import benchmarks.harness.results.run_report, benchmarks.harness.store
from benchmarks.catalogue import entries, experiments
assert entries() and experiments()
print(sorted({"keras", "tensorflow", "jax", "torch"} & sys.modules.keys()))
"""


def python(*arguments):
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran


def test_every_command_is_listed_with_its_summary():
    ran = python("-m", "benchmarks")
    *lines, blank, last = ran.stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[e.name, e.summary] for e in entries()]
    assert not blank
    assert "python -m benchmarks.NAME" in last
    assert ran.stderr == ""


def test_listing_and_reporting_import_no_keras():
    assert python("-c", WITHOUT_KERAS).stdout == "[]\n"


def test_all_experiments_are_found():
    stored = {path.stem for path in (ROOT / "benchmarks" / "profiles").glob("*.toml")}
    assert {experiment.name for experiment in experiments()} == stored


def test_claims_have_different_ids():
    for experiment in experiments():
        ids = [claim.id for claim in experiment.claims]
        assert len(set(ids)) == len(ids)
