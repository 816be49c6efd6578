"""Records on disk: append-only JSON lines, which no kill and no second writer can corrupt."""

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

ROOM = 50 * 2**20  # bytes that must be free before a run starts


class StoreError(Exception):
    """The results folder cannot be used; the message says why and how to mend it."""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class _Shard:
    """What was read of a file so far. Files only grow, so a second reading goes on from there."""

    size: int = 0
    numbers: int = 0
    lines: list[Line] = field(default_factory=list)
    tail: list[Line] = field(default_factory=list)  # a last line without its newline
    torn: bytes = b""


class Store:
    """The records of one experiment under `folder/records/`.

    Each store object that writes has a file (a shard) of its own, so writers never share one. A
    record is one line, flushed to the disk before the next trial starts. A line that a kill cut
    short, or that is no valid record, is named and passed over, and its trial runs again.

    No order of lines or of times decides what counts: a mark names the lines that it retires.

    Args:
        folder: the experiment's results folder.
        notify: called with one line for humans about lines that are passed over.
    """

    def __init__(self, folder: str | Path, notify: Callable[[str], object] = to_stderr):
        self.folder = Path(folder)
        self.records_folder = self.folder / "records"
        self._notify = notify
        self._own: Path | None = None
        self._shards: dict[Path, _Shard] = {}
        self._named: set[Path] = set()

    def check_writable(self) -> None:
        """Write, flush and remove a file, and look for room, before hours are spent.

        Raises:
            StoreError: naming the folder and the system's reason.
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
        self._write(encode(record))

    def supersede(self, trials: Collection[Trial]) -> None:
        """Mark the records that the trials have now as no longer counting; they stay on disk."""
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
        """The record that counts, by trial key: a result beats an error, then the newest."""
        found: dict[str, Line] = {}
        for line in self._counting():
            key = line.record.trial.key
            if key not in found or _rank(line) > _rank(found[key]):
                found[key] = line
        return {key: line.record for key, line in found.items()}

    def done_keys(self) -> set[str]:
        return {line.record.trial.key for line in self._counting() if line.record.done}

    def failures(self) -> dict[str, set[str]]:
        """The ids of error records that count, by trial key."""
        found: dict[str, set[str]] = {}
        for line in self._counting():
            if line.record.status == "error":
                found.setdefault(line.record.trial.key, set()).add(line.id)
        return found

    def _counting(self) -> list[Line]:
        """Records that no mark retires."""
        lines = [line for shard in self._read() for line in shard]
        marks = [line for line in lines if line.record.status == "superseded"]
        retired = {id_ for mark in marks for id_ in mark.retires or ()}
        timed: dict[tuple[str, int], str] = {}  # of marks that name no lines
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
        if self._own is None:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            self._own = self.records_folder / f"{stamp}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            _make_folder(self.records_folder)
            new = not self._own.exists()
            with self._own.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync_folder(self.records_folder)
        except OSError as error:
            shard, self._own = self._own, None  # it may end in half a line: never add to it
            raise StoreError(
                f"Cannot write the record of a finished trial to {shard}: {error.strerror}. "
                "Earlier records are safe: make room, then the same command goes on."
            ) from error

    def _read(self) -> Iterator[list[Line]]:
        """The valid lines of each shard."""
        for path in sorted(self.records_folder.glob("[!.]*.jsonl")):
            if not path.is_file():  # a folder, a link to nothing, or a pipe, which would block
                if path not in self._named:
                    self._named.add(path)
                    self._notify(f"note: {path} is no regular file and is passed over")
                continue
            shard = self._shards.setdefault(path, _Shard())
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < shard.size:  # it was replaced by hand
                    shard = self._shards[path] = _Shard()
                file.seek(shard.size)
                content = file.read()
            self._take_up(path, shard, content)
            yield shard.lines + shard.tail

    def _take_up(self, path: Path, shard: _Shard, content: bytes) -> None:
        """Adds the lines of what a shard grew by. A last line without its newline may grow yet."""
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
                f"note: {_numbered(numbers)} of {path} passed over: {fault}; "
                "the trial will run again"
            )


def _rank(line: Line) -> tuple[bool, str, str]:
    return line.record.done, line.record.finished, line.id


def _numbered(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"lines {', '.join(map(str, numbers[:5]))}{more}"


def _make_folder(folder: Path) -> None:
    """Creates a folder and its parents, each of them on the disk when this returns."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        _sync_folder(made.parent)


def _sync_folder(folder: Path) -> None:
    """Flushes a folder: a new file's name is then on the disk, as its content is.

    Some systems cannot do it (Windows, some network file systems).
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
