"""Every command of `benchmarks/`: it is listed, has `--help`, and says what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.catalogue import entries

ROOT = Path(__file__).resolve().parents[2]
HELPERS = {"__init__", "__main__", "catalogue", "turns", "workers"}
SHARED = {"harness", "networks", "costs", "profiles", "references", "__pycache__"}


def commands(folder, prefix=""):
    """The files and folders of a folder that look like commands to a user."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.stem not in HELPERS:
            yield prefix + path.stem
        elif path.is_dir() and path.name not in SHARED:
            yield prefix + path.name


COMMANDS = [
    *commands(ROOT / "benchmarks"),
    *commands(ROOT / "benchmarks" / "costs", "costs."),
]
STUDIES = [
    ("norm_batch_size", study) for study in ("batch", "groups", "mlp", "imagenet")
] + [
    ("initialization", study)
    for study in (
        "activation_statistics", "vanishing_gradient", "zero_init", "fitnet_signals", "lsuv_figure",
    )
] + [
    ("optimizers", study) for study in ("surfaces", "saddle", "mnist")
] + [
    ("mnist_batchnorm", study) for study in ("curve", "rates", "gap", "placement")
] + [
    ("regularizers", study) for study in ("table9", "dropconnect")
]  # fmt: skip
NOT_INSTALLED = """
import sys
sys.modules["keras_ddl.callbacks"] = None  # importing it raises ModuleNotFoundError
from benchmarks.harness import cli, commands
"""


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_all_files_and_folders_are_listed_commands():
    assert [entry.name for entry in entries()] == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_command(command):
    ran = python("-m", f"benchmarks.{command}", "--help")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"usage: python -m benchmarks.{command} ")
    assert ran.stderr == ""


@pytest.mark.parametrize(("command", "study"), STUDIES)
def test_every_study_has_its_help(command, study):
    ran = python("-m", f"benchmarks.{command}", "--study", study, "--help")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"usage: python -m benchmarks.{command} ")
    assert ran.stderr == ""


@pytest.mark.parametrize(
    "call",
    [
        "from benchmarks.mnist_dropout import EXPERIMENT\n"
        "code = cli.main(EXPERIMENT, ['--profile', 'smoke', '--dataset', 'digits', '--out', out])",
        "from benchmarks import dead_relu_run\n"
        "argv = ['--dataset', 'digits', '--out', out + '/run.html']\n"
        "code = commands.run(lambda: dead_relu_run.main(argv))",
    ],
    ids=["experiment", "other command"],
)
def test_in_a_clone_that_is_not_installed_the_error_says_what_to_install(call, tmp_path):
    ran = python("-c", f"{NOT_INSTALLED}out = {str(tmp_path)!r}\n{call}\nsys.exit(code)")
    assert ran.returncode == 2, ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("error: keras_ddl.callbacks cannot be imported")
    assert last.endswith("python -m pip install -e '.[bench]'")
    assert "Traceback" not in ran.stderr


def test_an_unknown_backend_is_still_reported_as_such(tmp_path):
    call = (
        "import os; os.environ['KERAS_BACKEND'] = 'abacus'\n"
        "from benchmarks.harness import commands\n"
        "from benchmarks.harness.training import backend\n"
        "import sys; sys.exit(commands.run(backend.name))"
    )
    ran = python("-c", call)
    assert ran.returncode == 2
    assert "error: Keras cannot be imported with its backend" in ran.stderr
