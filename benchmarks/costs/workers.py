"""Starts Python modules in separate processes, each on one backend.

A process has one Keras backend, so a command that measures several starts a worker for each.
"""

import os
import subprocess
import sys
from typing import Any

from benchmarks.harness.env import ROOT


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs `module` with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def environment(backend: str | None) -> dict[str, str]:
    """The environment variables of a worker: those of this process, with another backend.

    Args:
        backend: "tensorflow", "jax" or "torch"; None keeps that of this process.
    """
    other = {"KERAS_BACKEND": backend} if backend else {}
    return {**os.environ, **other, "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(backend: str, module: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess:
    """Run `module` on a backend and wait for its end.

    Args:
        backend: "tensorflow", "jax" or "torch".
        module: the full name of the module.
        *arguments: the module's command-line arguments.
        **options: passed to `subprocess.run`.

    Raises:
        subprocess.CalledProcessError: if the worker fails. Its messages are on standard error.
    """
    return subprocess.run(
        command(module, *arguments), cwd=ROOT, env=environment(backend), check=True, **options
    )
