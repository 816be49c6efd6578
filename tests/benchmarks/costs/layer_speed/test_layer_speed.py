"""The command, on one layer."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.exhaustive
def test_one_layer_is_timed_and_written_up(tmp_path):
    backend = keras.backend.backend()
    command = [
        sys.executable,
        "-m",
        "benchmarks.costs.layer_speed",
        "--rounds",
        "1",
        "--out",
        tmp_path,
    ]
    command += ["--backends", backend, "--layers", "VariableDropout"]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    lines = (tmp_path / "layer_speed" / f"{backend}.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert {record["pass"] for record in records} == {"forward", "forward and backward"}
    assert all(record["backend"] == backend and record["ms"]["ours"] > 0 for record in records)
    assert "## VariableDropout" in (tmp_path / "layer_speed.md").read_text()
