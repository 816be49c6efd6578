"""Ctrl-C, SIGTERM and SIGHUP end a command in one and the same way."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

CODE = 130  # the exit code of an interrupted command
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]

_messages = ["interrupted"]  # the last one is what a command says that ends at once


def end_at_once(number: int = 0, frame: FrameType | None = None) -> None:
    """Ends the process without clean-up. What is stored stays whole: records are on the disk."""
    try:
        print(f"\n{_messages[-1]}", file=sys.stderr, flush=True)
    except Exception:  # the signal came in the middle of another line, or nobody reads
        with contextlib.suppress(OSError):
            os.write(2, f"\n{_messages[-1]}\n".encode())
    os._exit(CODE)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """While the block runs, a signal ends the process at once.

    For imports of native libraries, which may swallow a KeyboardInterrupt or crash after it.
    """
    with _handling(end_at_once):
        yield


@contextlib.contextmanager
def raised(message: str) -> Iterator[list[int]]:
    """While the block runs, a signal raises KeyboardInterrupt, and a second one ends the process.

    Args:
        message: what is said if the process ends at once.

    Yields:
        The signals received: native code that calls Python may swallow the exception.
    """
    pending: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        pending.append(number)
        if len(pending) > 1:
            end_at_once()
        raise KeyboardInterrupt

    _messages.append(message)
    try:
        with _handling(handler):
            yield pending
    finally:
        _messages.pop()


def install() -> None:
    """Has signals end the process at once, until something else is arranged."""
    for number in SIGNALS:
        if _is_default(signal.getsignal(number)):
            signal.signal(number, end_at_once)


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Sets handlers, and at the end puts back what was there. Ignored signals stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number in SIGNALS if _is_default(before[number])]
    for number in ours:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _is_default(handler: Any) -> bool:
    """Whether nobody else, such as a caller or nohup, has decided what the signal does."""
    if handler in (signal.SIG_DFL, signal.default_int_handler):
        return True
    return getattr(handler, "__module__", None) == __name__
