"""Leases on trials: when several processes share a results folder, one of them trains each trial.

A lease is a file that only one process, the holder, can create. The lease ends when the holder
dies. Every holder has a second file that shows whether it is alive. The holder keeps this file
locked; processes on the same machine see at once whether the lock is gone. The holder also writes a
new number into it every few seconds; processes on any machine see whether the number changes. The
clocks of two machines are never compared: each observer measures the silence with its own clock.
"""

import contextlib
import hashlib
import os
import platform
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType

try:
    import fcntl
except ImportError:  # on Windows only silence shows that a process was killed
    fcntl = None  # type: ignore[assignment]

HEARTBEAT = 5.0  # seconds between signs of life
EXPIRY = 60.0  # seconds of silence after which a lease is free


class Leases:
    """The leases that this process holds in a folder. Leaving the context releases all of them.

    Several processes may take leases in one folder, on one machine or on many. A lease is a file
    `KEY.GENERATION` that contains the holder's name. When the holder of the last generation is
    dead, another process creates the file of the next generation; no file is overwritten. The new
    holder then reads the folder again. It gives the lease back if a later generation, or an earlier
    one with a living holder, has appeared meanwhile.

    Args:
        folder: the folder of the leases. It is created if it is missing, and removed at the end if
            it is empty.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.held: dict[str, int] = {}  # generation by key
        self._name = ""
        self._descriptor = -1
        self._beats = 0
        self._machine = _machine()
        # By holder: its last sign of life, and when this process first saw that sign.
        self._heard: dict[str, tuple[bytes, float]] = {}
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="lease heartbeat", daemon=True)

    def __enter__(self) -> "Leases":
        self._register()
        self._sweep()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.release([*self.held])
        with contextlib.suppress(OSError):
            (self.folder / self._name).unlink()
        os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self._sweep()
            self.folder.rmdir()  # fails if other processes still use the folder

    def take(self, keys: Collection[str]) -> list[str]:
        """Take the leases that are free, and return their keys.

        If the first lease is not free, none is taken: another process is training the same group,
        so this process should choose another group.
        """
        if not self._registered():  # it was suspended for long, so others considered it dead
            self.held.clear()
            with self._writing:
                os.close(self._descriptor)
                self._register()
        taken: list[str] = []
        there = self._generations()
        for number, key in enumerate(keys):
            if self._take(key, there.get(key, {})):
                taken.append(key)
            elif number == 0:
                break
        return taken

    def holds(self, key: str) -> bool:
        """Whether this process still holds the lease, so that no other has taken it over."""
        generations = self._generations().get(key, {})
        generation = self.held.get(key, -1)
        return generations.get(generation) == self._name and generation == max(generations)

    def release(self, keys: Collection[str]) -> None:
        """Release leases, and remove the files of all their earlier generations."""
        for key in keys:
            last = self.held.pop(key, -1)
            for generation in range(last, -1, -1):
                (self.folder / f"{key}.{generation}").unlink(missing_ok=True)

    def free(self, key: str) -> bool:
        """Whether no living process holds the lease."""
        return not any(map(self._alive, self._generations().get(key, {}).values()))

    def holders(self) -> dict[str, str]:
        """The living holder of each lease, by key."""
        return {
            key: holder
            for key, generations in self._generations().items()
            for holder in generations.values()
            if self._alive(holder)
        }

    def _take(self, key: str, there: dict[int, str]) -> bool:
        if any(map(self._alive, there.values())):
            return False
        generation = max(there, default=-1) + 1
        path = self.folder / f"{key}.{generation}"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._name.encode())
        for other, holder in self._generations().get(key, {}).items():
            if other > generation or (other < generation and self._alive(holder)):
                path.unlink(missing_ok=True)
                return False
        self.held[key] = generation
        return True

    def _generations(self) -> dict[str, dict[int, str]]:
        """The holder's name in each lease file of the folder, by key and generation."""
        holders: dict[str, dict[int, str]] = {}
        for path in self._files():
            key, dot, generation = path.name.rpartition(".")
            if dot and generation.isdecimal():
                with contextlib.suppress(FileNotFoundError):
                    # A file without a name is being written.
                    holder = path.read_text("utf-8") or f"?{path.name}"
                    holders.setdefault(key, {})[int(generation)] = holder
        return holders

    def _files(self) -> Iterator[Path]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return
        for name in names:
            yield self.folder / name

    def _alive(self, holder: str) -> bool:
        if holder == self._name:
            return True
        try:
            with (self.folder / holder).open("rb") as file:
                sign = file.read(64)
                if sign.split(b" ")[0] == self._machine and _is_unlocked(file.fileno()):
                    return False
        except FileNotFoundError:
            if not holder.startswith("?"):
                return False
            sign = b""
        last, since = self._heard.get(holder, (None, 0.0))
        if sign != last:
            self._heard[holder] = (sign, time.monotonic())
            return True
        return time.monotonic() - since < EXPIRY

    def _register(self) -> None:
        """Create and lock the file that shows that this process is alive."""
        self._name = f"{uuid.uuid4().hex[:16]}-holder"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        for attempt in range(10):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._descriptor = os.open(self.folder / self._name, flags, 0o644)
                break
            except FileNotFoundError:  # another process has just removed the empty folder
                if attempt == 9:
                    raise
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (AttributeError, OSError):  # no locks here: others rely on the number alone
            self._machine = b"unlocked"
        self._beat()

    def _registered(self) -> bool:
        try:
            there = os.stat(self.folder / self._name)
        except OSError:
            return False
        return there.st_ino == os.fstat(self._descriptor).st_ino

    def _beat(self) -> None:
        self._beats += 1
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, self._machine + b" %012d\n" % self._beats)

    def _live(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with self._writing, contextlib.suppress(OSError):
                self._beat()

    def _sweep(self) -> None:
        """Remove the files of dead processes."""
        for key, generations in self._generations().items():
            for generation, holder in generations.items():
                if not self._alive(holder):
                    (self.folder / f"{key}.{generation}").unlink(missing_ok=True)
        for path in self._files():
            if path.name.endswith("-holder") and not self._alive(path.name):
                path.unlink(missing_ok=True)


def _is_unlocked(descriptor: int) -> bool:
    """Whether the process that locked the file has ended; False where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (AttributeError, OSError):
        return False
    return True  # closing the file unlocks it


def _machine() -> bytes:
    """An identifier of the running system. All of its processes see each other's locks.

    It is a hash, which does not reveal the machine or its owner.
    """
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        name = boot.read_text("ascii")
    except OSError:
        name = f"{platform.node()}-{uuid.getnode()}"
    return hashlib.sha256(name.encode()).hexdigest()[:16].encode()
