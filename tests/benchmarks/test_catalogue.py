"""`python -m benchmarks` and what the package finds."""

import subprocess
import sys
from pathlib import Path

from benchmarks.catalogue import experiments, measurements

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_KERAS = """
import sys
import benchmarks.report, benchmarks.harness.cli, benchmarks.harness.plots
import benchmarks.harness.report, benchmarks.harness.store
from benchmarks.catalogue import experiments, measurements
assert experiments() and measurements()
print(sorted({"keras", "tensorflow", "jax", "torch"} & sys.modules.keys()))
"""


def python(*arguments):
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran


def test_every_experiment_and_measurement_is_listed_with_its_summary():
    ran = python("-m", "benchmarks")
    lines = ran.stdout.splitlines()
    summaries = {experiment.name: experiment.summary for experiment in experiments()}
    for name, summary in {**summaries, **measurements()}.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert line.endswith(f"  {summary}")
    assert {"overhead", "layer_speed"} <= measurements().keys()
    assert "python -m benchmarks.NAME" in lines[-1]
    assert ran.stderr == ""


def test_listing_and_reporting_import_no_keras():
    assert python("-c", WITHOUT_KERAS).stdout == "[]\n"


def test_an_experiment_is_named_after_its_module():
    found = experiments()
    assert [experiment.name for experiment in found] == sorted(e.name for e in found)
    assert "mnist_dropout" in [experiment.name for experiment in found]
    for experiment in found:
        assert (ROOT / "benchmarks" / f"{experiment.name}.py").is_file()


def test_claims_have_names_of_their_own():
    for experiment in experiments():
        ids = [claim.id for claim in experiment.claims]
        assert len(set(ids)) == len(ids)
