"""Where records come from: devices, versions, days and commits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.harness.spec import Record


def sentence(records: Sequence[Record]) -> str:
    """Devices, versions, days and commits of some records, for the line below a table."""
    days, commits = _days_and_commits(records)
    hardware = "; ".join(sorted({_hardware(record) for record in records}))
    return f"Run on {hardware}; {days}, commit {commits}."


def environments(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """One row for each device and set of versions: device, software, platform, days, commits, runs.

    "Runs" are the names of the experiments.
    """
    by_platform: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        by_platform.setdefault(_platform(record), []).append(record)
    return [
        (
            *platform,
            *_days_and_commits(same),
            ", ".join(sorted({record.trial.experiment for record in same})),
        )
        for platform, same in sorted(by_platform.items())
    ]


def _hardware(record: Record) -> str:
    """The device, and the versions of Keras and its backend."""
    environment = record.environment
    versions = environment.get("packages", {})
    backend = environment.get("backend", "?")
    keras = f"Keras {versions.get('keras', '?')}"
    return f"{_device(environment)}, {keras} on {backend} {versions.get(backend, '?')}"


def _platform(record: Record) -> tuple[str, str, str]:
    """Device, software and operating system."""
    environment = record.environment
    versions = environment.get("packages", {})
    backend = environment.get("backend", "?")
    names = dict.fromkeys(("keras", backend, "numpy"))
    software = [f"{name} {versions.get(name, '?')}" for name in names]
    return (
        _device(environment),
        ", ".join(software),
        f"Python {environment.get('python', '?')}, {environment.get('platform', '?')}",
    )


def _device(environment: Mapping[str, Any]) -> str:
    return f"{environment.get('device', '?')} ({environment.get('cores', '?')} cores)"


def _days_and_commits(records: Sequence[Record]) -> tuple[str, str]:
    """The first and last day, and the commits."""
    days = sorted({record.finished[:10] for record in records})
    commits = sorted({record.environment.get("commit") or "unknown" for record in records})
    short = [commit[:12] + "+changes" * commit.endswith("+changes") for commit in commits]
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return span, ", ".join(short)
