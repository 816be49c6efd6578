"""The environment of a run, which is stored in every record."""

import functools
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("keras-ddl", "keras", "tensorflow", "jax", "torch", "numpy")
ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def environment(backend: str) -> dict[str, Any]:
    """Versions, commit and device. Nothing in it names a person, a host or a folder."""
    return {
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "commit": _git_commit(),
        "backend": backend,
        "device": gpu(backend) or _processor(),
        "gpu": gpu(backend) is not None,
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def described(environment: Mapping[str, Any], *packages: str) -> str:
    """Device, versions and commit as a phrase for pages.

    Args:
        environment: a result of `environment`, possibly read from a record.
        packages: the packages whose versions are named. Packages that were not installed are left
            out.
    """
    versions = [
        f"{name} {environment['packages'][name]}"
        for name in packages
        if name in environment["packages"]
    ]
    device = f"{environment['device']} ({environment['cores']} cores)"
    return ", ".join([device, *versions, f"commit {environment['commit']}"])


@functools.cache
def gpu(backend: str) -> str | None:
    """The name of the backend's first GPU or TPU, as its driver reports it, or None."""
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
    """The commit of the code, followed by "+changes" if tracked files differ from it.

    The variable `KERAS_DDL_COMMIT` replaces it, for copies of the code without a repository.
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
