"""Records on disk: append-only JSON lines. A kill or a second writer cannot corrupt them."""

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.harness.records import InvalidRecordError, Line, NewerRecordError, decode, encode
from benchmarks.harness.spec import Record, Trial

REQUIRED_SPACE = 50 * 2**20  # bytes that must be free before a run starts


class StoreError(Exception):
    """The results folder cannot be used. The message says why, and what the user can do."""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class _Shard:
    """The part of a file that was read so far. Files only grow; the next read continues there."""

    size: int = 0  # bytes read, up to the last newline
    numbers: int = 0  # lines read
    lines: list[Line] = field(default_factory=list)
    tail: list[Line] = field(default_factory=list)  # a last line that has no newline yet
    torn: bytes = b""  # the bytes of that line


class Store:
    """The records of one experiment under `folder/records/`.

    Each store object that writes has a separate file (a shard), so two writers never share a file.
    A record is one line, which is flushed to the disk before the next trial starts. A line that is
    incomplete or not a valid record is reported and skipped, and its trial runs again.

    A mark names the lines that no longer count, so that neither the order of lines nor clocks
    decide it.

    Args:
        folder: the experiment's results folder.
        notify: called with one line for humans about each group of skipped lines.
    """

    def __init__(self, folder: str | Path, notify: Callable[[str], object] = to_stderr):
        self.folder = Path(folder)
        self.records_folder = self.folder / "records"
        self._notify = notify
        self._shard_path: Path | None = None
        self._shards: dict[Path, _Shard] = {}
        self._reported: set[Path] = set()

    def check_writable(self) -> None:
        """Check, before a long run, that a file can be written and that there is enough space.

        Raises:
            StoreError: if not. The message has the folder and the system's reason.
        """
        probe = self.records_folder / f".probe-{uuid.uuid4().hex}"
        try:
            _make_folder(self.records_folder)
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
                "Choose another folder with --out."
            ) from error
        if free < REQUIRED_SPACE:
            raise StoreError(
                f"Only {free / 2**20:.0f} MiB are free for results in {self.records_folder}, but "
                f"{REQUIRED_SPACE / 2**20:.0f} MiB are needed. Free some space, or choose another "
                "folder with --out."
            )

    def append(self, record: Record) -> None:
        """Add one record; it is on the disk when this returns.

        Raises:
            StoreError: if it could not be written. Earlier records stay intact.
        """
        self._write(encode(record))

    def supersede(self, trials: Collection[Trial]) -> None:
        """Add marks, so that the present records of the trials no longer count. None is deleted."""
        lines: dict[str, list[Line]] = {}
        for line in self._counting():
            lines.setdefault(line.record.trial.key, []).append(line)
        marks = [
            encode(
                Record(trial=trial, status="superseded", finished=now()),
                retires=tuple(sorted(line.id for line in lines[trial.key])),
            )
            for trial in trials
            if trial.key in lines
        ]
        if marks:
            self._write(b"".join(marks))

    def latest(self) -> dict[str, Record]:
        """By trial key, the record that counts: the newest result, or else the newest error."""
        best: dict[str, Line] = {}
        for line in self._counting():
            key = line.record.trial.key
            if key not in best or _rank(line) > _rank(best[key]):
                best[key] = line
        return {key: line.record for key, line in best.items()}

    def done_keys(self) -> set[str]:
        return {line.record.trial.key for line in self._counting() if line.record.done}

    def failures(self) -> dict[str, set[str]]:
        """By trial key, the ids of the error records that count."""
        ids: dict[str, set[str]] = {}
        for line in self._counting():
            if line.record.status == "error":
                ids.setdefault(line.record.trial.key, set()).add(line.id)
        return ids

    def _counting(self) -> list[Line]:
        """The records that no mark retires."""
        lines = [line for shard in self._read() for line in shard]
        marks = [line for line in lines if line.record.status == "superseded"]
        retired = {id_ for mark in marks for id_ in mark.retires or ()}
        # Marks of schema 1 name no lines: by key and schema, the time up to which they retire them.
        timed: dict[tuple[str, int], str] = {}
        for mark in marks:
            if mark.retires is None:
                for schema in range(1, mark.schema + 1):
                    where = mark.record.trial.key, schema
                    timed[where] = max(mark.record.finished, timed.get(where, ""))

        def counts(line: Line) -> bool:
            record = line.record
            if record.status == "superseded" or line.id in retired:
                return False
            return record.finished > timed.get((record.trial.key, line.schema), "")

        return [line for line in lines if counts(line)]

    def _write(self, lines: bytes) -> None:
        if self._shard_path is None:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            self._shard_path = self.records_folder / f"{stamp}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            _make_folder(self.records_folder)
            new = not self._shard_path.exists()
            with self._shard_path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync_folder(self.records_folder)
        except OSError as error:
            # The file may end with an incomplete line, so it is not used again.
            shard, self._shard_path = self._shard_path, None
            raise StoreError(
                f"Cannot write the record of a finished trial to {shard}: {error.strerror}. "
                "Earlier records are safe. Free some space; the same command then continues."
            ) from error

    def _read(self) -> Iterator[list[Line]]:
        """Yield the valid lines of each shard."""
        for path in sorted(self.records_folder.glob("[!.]*.jsonl")):
            if not path.is_file():  # a folder, a broken link, or a pipe, which would block
                if path not in self._reported:
                    self._reported.add(path)
                    self._notify(f"note: {path} is not a regular file and is skipped")
                continue
            shard = self._shards.setdefault(path, _Shard())
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < shard.size:  # somebody replaced the file
                    shard = self._shards[path] = _Shard()
                file.seek(shard.size)
                content = file.read()
            self._extend(path, shard, content)
            yield shard.lines + shard.tail

    def _extend(self, path: Path, shard: _Shard, content: bytes) -> None:
        """Add the new content of a file to its shard. A line without newline may be unfinished."""
        whole, _, torn = content.rpartition(b"\n")
        faults: dict[str, list[int]] = {}

        def decoded(line: bytes, number: int) -> list[Line]:
            try:
                return [decode(line)] if line else []
            except (InvalidRecordError, NewerRecordError) as error:
                faults.setdefault(str(error), []).append(number)
                return []

        for line in whole.split(b"\n") if whole else []:
            shard.numbers += 1
            shard.lines += decoded(line, shard.numbers)
        if torn != shard.torn:
            shard.tail, shard.torn = decoded(torn, shard.numbers + 1), torn
        shard.size += len(content) - len(torn)
        for fault, numbers in faults.items():
            self._notify(
                f"note: {_numbered(numbers)} of {path} skipped: {fault}; the trial will run again"
            )


def _rank(line: Line) -> tuple[bool, str, str]:
    return line.record.done, line.record.finished, line.id


def _numbered(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"lines {', '.join(map(str, numbers[:5]))}{more}"


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, and flush their names to the disk."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        _sync_folder(created.parent)


def _sync_folder(folder: Path) -> None:
    """Flush a folder, so that the names of new files in it are on the disk.

    Windows and some network file systems cannot do it; there nothing happens.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
