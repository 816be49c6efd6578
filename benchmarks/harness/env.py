"""What a run ran on: columns of every record."""

import functools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("keras-ddl", "keras", "tensorflow", "jax", "torch", "numpy")
ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def environment(backend: str) -> dict[str, Any]:
    """Versions, commit and device. Nothing that names a person, a host or a folder."""
    return {
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "commit": _git_commit(),
        "backend": backend,
        "device": gpu(backend) or _processor(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


@functools.cache
def gpu(backend: str) -> str | None:
    """The name of the backend's first GPU or TPU as its driver gives it, or None."""
    if backend == "tensorflow":
        import tensorflow as tf

        if devices := tf.config.list_physical_devices("GPU"):
            return tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU")
    elif backend == "jax":
        import jax

        if jax.default_backend() != "cpu":
            return jax.devices()[0].device_kind
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name()
    return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the code, with "+changes" when the tree differs from it.

    A copy of the tree without its repository takes the commit from `KERAS_DDL_COMMIT`.
    """
    if commit := os.environ.get("KERAS_DDL_COMMIT"):
        return commit

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return None
