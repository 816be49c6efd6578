"""Records on disk: append-only JSON lines, which no kill and no second writer can corrupt."""

import json
import math
import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness.spec import Record, Trial

ROOM = 50 * 2**20  # bytes that must be free before a run starts


class StoreError(Exception):
    """The results folder cannot be used; the message says why and how to mend it."""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Store:
    """The records of one experiment under `folder/records/`.

    Each store object that writes has a file (a shard) of its own, so writers never share one. A
    record is one line, flushed to the disk before the next trial starts. A line cut short by a
    kill is passed over when read, and its trial is run again.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.records_folder = self.folder / "records"
        self._shard: Path | None = None
        self._told: set[tuple[Path, int]] = set()

    def check_writable(self) -> None:
        """Write, flush and remove a file, and look for room, before hours are spent.

        Raises:
            StoreError: naming the folder and the system's reason.
        """
        probe = self.records_folder / f".probe-{uuid.uuid4().hex}"
        try:
            self.records_folder.mkdir(parents=True, exist_ok=True)
            try:
                with probe.open("wb") as file:
                    file.write(bytes(2**16))
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                probe.unlink(missing_ok=True)
            free = shutil.disk_usage(self.records_folder).free
        except OSError as error:
            raise StoreError(
                f"Cannot write results to {self.records_folder}: {error.strerror}. "
                "Give another folder with --out."
            ) from error
        if free < ROOM:
            raise StoreError(
                f"Only {free / 2**20:.0f} MiB are free for results in {self.records_folder}, and "
                f"{ROOM / 2**20:.0f} MiB are wanted. Make room, or give another folder with --out."
            )

    def append(self, record: Record) -> None:
        """Add one record; it is on the disk when this returns.

        Raises:
            StoreError: if it could not be written. Earlier records stay intact.
        """
        line = json.dumps(_as_json(record), allow_nan=False) + "\n"
        if self._shard is None:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            self._shard = self.records_folder / f"{stamp}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            self.records_folder.mkdir(parents=True, exist_ok=True)
            with self._shard.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            shard, self._shard = self._shard, None  # it may end in half a line: never add to it
            raise StoreError(
                f"Cannot write the record of a finished trial to {shard}: {error.strerror}. "
                "Earlier records are safe: make room, then the same command goes on."
            ) from error

    def supersede(self, trials: Collection[Trial]) -> None:
        """Mark older records of the trials as no longer counting; they stay in the files."""
        done = self.done_keys()
        for trial in trials:
            if trial.key in done:
                self.append(Record(trial=trial, status="superseded", finished=now()))

    def latest(self) -> dict[str, Record]:
        """The newest record that counts, by trial key: a result beats an error."""
        found: dict[str, Record] = {}
        for record in sorted(self._read(), key=lambda record: record.finished):
            key = record.trial.key
            if record.status == "superseded":
                found.pop(key, None)
            elif record.done or key not in found or not found[key].done:
                found[key] = record
        return found

    def done_keys(self) -> set[str]:
        return {key for key, record in self.latest().items() if record.done}

    def _read(self) -> Iterator[Record]:
        for shard in sorted(self.records_folder.glob("*.jsonl")):
            for number, line in enumerate(shard.read_bytes().split(b"\n"), start=1):
                if not line:
                    continue
                try:
                    yield _from_json(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    if (shard, number) in self._told:
                        continue
                    self._told.add((shard, number))
                    print(
                        f"note: line {number} of {shard} is no whole record and is passed over; "
                        "its trial will run again",
                        file=sys.stderr,
                    )


def _as_json(record: Record) -> dict[str, Any]:
    """Flat JSON with `null` for what is not finite, since JSON has no NaN."""

    def plain(value: float) -> float | None:
        return float(f"{value:.6g}") if math.isfinite(value) else None

    return {
        "key": record.trial.key,
        **asdict(record),
        "metrics": {name: plain(value) for name, value in record.metrics.items()},
        "curves": {name: [plain(v) for v in values] for name, values in record.curves.items()},
        "times": {name: plain(value) for name, value in record.times.items()},
    }


def _from_json(fields: dict[str, Any]) -> Record:
    def number(value: float | None) -> float:
        return math.nan if value is None else value

    fields = dict(fields)
    key = fields.pop("key")
    record = Record(
        **{
            **fields,
            "trial": Trial(**fields["trial"]),
            "metrics": {name: number(value) for name, value in fields["metrics"].items()},
            "curves": {name: [number(v) for v in vs] for name, vs in fields["curves"].items()},
        }
    )
    if record.trial.key != key:
        raise ValueError(f"the record's key {key} is not its trial's, {record.trial.key}")
    return record
