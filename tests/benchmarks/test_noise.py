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
    r"waiting for \d+ trials|note: |reading \w+: \d+ records$|drawing \w+, run \d+ of \d+$|"
    r"\w+: .* is ready after [\d.]+ s$|\w+: round \d+ of \d+$|$"
)
CHATTER = re.compile(r"[WIEF]\d{4} |.*(WARNING|Warning|retracing|━|\x08)")  # logs, progress bars
BACKENDS = ["tensorflow", "jax", "torch"]
SMOKE = ("--profile", "smoke", "--dataset", "digits")
MEASURE = ("--profile", "smoke")
ONCE, FEW = ("--rounds", "1"), ("--examples", "4")
OUT, BACKEND = "OUT", "BACKEND"  # stand for a new folder and for the backend
PAGE = ("--out", f"{OUT}/page.md")
COMMANDS = [
    ("mnist_dropout", *SMOKE),
    ("mnist_dropout", *SMOKE, "--executor", "in-process"),
    ("mnist_dataset_size", *SMOKE),
    ("dead_relu", *SMOKE),
    ("initialization", *SMOKE),
    ("initialization", "--study", "vanishing_gradient", *SMOKE),
    ("initialization", "--study", "fitnet_signals", "--dataset", "digits", *FEW, *PAGE),
    ("initialization", "--study", "lsuv_figure", "--out", f"{OUT}/lsuv.png"),
    ("optimizers", *SMOKE),
    ("optimizers", *SMOKE, "--study", "saddle"),
    ("optimizers", *SMOKE, "--study", "mnist"),
    ("preprocessing", *SMOKE),
    ("lr_schedules", *SMOKE),
    ("mnist_batchnorm", *SMOKE),
    ("norm_batch_size", *SMOKE),
    ("norm_batch_size", *SMOKE, "--devices", "2"),
    ("norm_batch_size", *SMOKE, "--study", "groups"),
    ("norm_batch_size", *SMOKE, "--study", "mlp"),
    ("identities", *MEASURE),
    ("activations", *MEASURE),
    ("activations", "--study", "page", "--out", OUT),
    ("dead_relu_run", "--dataset", "digits", "--epochs", "2", "--out", f"{OUT}/run.html"),
    ("costs.norm_cost", *MEASURE),
    ("costs.overhead", *SMOKE, *ONCE, *PAGE),
    ("costs.lsuv_speed", "--models", "fitnet4", *FEW, *ONCE, *PAGE),
    ("costs.layer_speed", "--backends", BACKEND, "--layers", "Maxout", *ONCE, "--out", OUT),
    ("costs.callback_cost", "--networks", "mlp", "--backends", BACKEND, *ONCE, "--out", OUT),
]
# Commands that train nothing.
LIGHT = [
    (),
    ("status", "--out", OUT),
    ("report", "--results", OUT, "--pages"),
    ("report", "--check"),
    ("report", "--help"),
    ("mnist_dropout", *SMOKE, "--dry-run", "--out", OUT),
]


def lines_of_others(command, backend, tmp_path):
    """The lines of output that are not this project's."""
    name, *flags = command or ("",)
    if "--profile" in flags and "--out" not in flags:
        flags += ["--out", OUT]
    flags = [flag.replace(BACKEND, backend).replace(OUT, str(tmp_path)) for flag in flags]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}".rstrip("."), *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "KERAS_BACKEND": backend},
    )
    assert ran.returncode == 0, ran.stderr
    return [
        *(line for line in ran.stderr.splitlines() if not OURS.match(line)),
        *(line for line in ran.stdout.splitlines() if CHATTER.match(line)),
    ]


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
    if "costs.callback_cost" in command and backend == "torch":
        pytest.skip("it measures TensorFlow and JAX")
    assert lines_of_others(command, backend, tmp_path) == []
