"""The commands in the guides print no messages of other libraries, on any backend."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = re.compile(  # the lines that this project prints on standard error
    r"\w+: \d+ trials on |\[\d+/\d+\] |training \d+ trials together$|\d+% of (these|this) |"
    r"waiting for \d+ trials|note: |reading \w+: \d+ records$|drawing \w+, run \d+ of \d+$|$"
)
BACKENDS = ["tensorflow", "jax", "torch"]
SMOKE = ("--profile", "smoke", "--dataset", "digits")
COMMANDS = [
    ("mnist_dropout", *SMOKE),
    ("mnist_dropout", *SMOKE, "--executor", "in-process"),
    ("mnist_dataset_size", *SMOKE),
    ("dead_relu", *SMOKE),
    ("initialization", *SMOKE),
    ("optimizers", *SMOKE),
    ("optimizers", *SMOKE, "--study", "saddle"),
    ("optimizers", *SMOKE, "--study", "mnist"),
    ("preprocessing", *SMOKE),
    ("lr_schedules", *SMOKE),
    ("norm_batch_size", *SMOKE),
    ("norm_batch_size", *SMOKE, "--devices", "2"),
    ("norm_batch_size", *SMOKE, "--study", "groups"),
    ("norm_batch_size", *SMOKE, "--study", "mlp"),
]
# Commands that train nothing.
LIGHT = [(), ("report", "--check"), ("mnist_dropout", *SMOKE, "--dry-run"), ("report", "--help")]


def lines_of_others(command, backend, tmp_path):
    """The lines of standard error that are not this project's."""
    name, *flags = command or ("",)
    out = ["--out", str(tmp_path)] if "--profile" in flags else []
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}".rstrip("."), *flags, *out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "KERAS_BACKEND": backend},
    )
    assert ran.returncode == 0, ran.stderr
    return [line for line in ran.stderr.splitlines() if not OURS.match(line)]


@pytest.mark.parametrize("command", LIGHT, ids=" ".join)
def test_commands_that_train_nothing(command, tmp_path):
    assert lines_of_others(command, "tensorflow", tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_main_command(backend, tmp_path):
    assert lines_of_others(COMMANDS[0], backend, tmp_path) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_commands_that_train(command, backend, tmp_path):
    if "--devices" in command and backend == "torch":
        pytest.skip("several devices need TensorFlow or JAX")
    assert lines_of_others(command, backend, tmp_path) == []
