"""Leases on trials: of several processes on one results folder, one trains each trial.

A lease is a file that only one process can create. It ends with its holder, whose own file says
that it lives: the holder keeps that file locked, which others on the machine can see at once, and
writes a new number into it every few seconds, which others on any machine can see. No clock is
compared with another machine's or with an earlier hour's: each observer waits for itself.
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
except ImportError:  # Windows: a process that was killed is known by its silence alone
    fcntl = None  # type: ignore[assignment]

HEARTBEAT = 5.0  # seconds between signs of life
EXPIRY = 60.0  # seconds of silence after which a lease is free


class Leases:
    """The leases that this process holds in a folder. A context manager; leaving it frees all.

    Several processes may take leases in one folder, on one machine or on many. A lease is a file
    `KEY.GENERATION` that holds its holder's name. Whoever finds that the holder of the last
    generation is dead creates the next one, and never overwrites a file. A new holder then looks
    again, and steps back if a later generation or a living earlier holder has appeared meanwhile.

    Args:
        folder: made if it is missing, and removed when it is empty at the end.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.held: dict[str, int] = {}  # generation by key
        self._name = ""
        self._descriptor = -1
        self._beats = 0
        self._machine = _machine()
        self._heard: dict[str, tuple[bytes, float]] = {}  # last sign by holder
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
            self.folder.rmdir()  # unless others are at work in it

    def take(self, keys: Collection[str]) -> list[str]:
        """Takes the leases that are free, and returns their keys.

        None is taken if the first is not free: another process then works its way through the
        same group, and a different group is a better choice.
        """
        if not self._registered():  # others took this process, halted for long, for dead
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
        """Whether the lease is still this process's: no other took it for dead."""
        generations = self._generations().get(key, {})
        own = self.held.get(key, -1)
        return generations.get(own) == self._name and own == max(generations)

    def release(self, keys: Collection[str]) -> None:
        """Frees leases, and forgets their dead former holders."""
        for key in keys:
            last = self.held.pop(key, -1)
            for generation in range(last, -1, -1):
                (self.folder / f"{key}.{generation}").unlink(missing_ok=True)

    def free(self, key: str) -> bool:
        """Whether no living process holds the lease."""
        return not any(map(self._alive, self._generations().get(key, {}).values()))

    def holders(self) -> dict[str, str]:
        """By key, the living holder of each lease that there is."""
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
        """By key and generation, the holders named in the folder."""
        found: dict[str, dict[int, str]] = {}
        for path in self._files():
            key, dot, generation = path.name.rpartition(".")
            if dot and generation.isdecimal():
                with contextlib.suppress(FileNotFoundError):
                    holder = path.read_text("utf-8") or f"?{path.name}"  # it is being written
                    found.setdefault(key, {})[int(generation)] = holder
        return found

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
        """Creates this process's own file, and locks it."""
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
        except (AttributeError, OSError):  # no locks here: only the signs of life count
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
        """Removes what dead processes left."""
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
    """Names the running system, whose locks all its processes see. Tells nothing of its owner."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        name = boot.read_text("ascii")
    except OSError:
        name = f"{platform.node()}-{uuid.getnode()}"
    return hashlib.sha256(name.encode()).hexdigest()[:16].encode()
