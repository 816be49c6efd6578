"""Handles Ctrl-C, SIGTERM and SIGHUP, all in the same way."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from benchmarks.harness.endings import SIGNALS, end_at_once, is_default, messages


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
        message: printed if the process ends at once.

    Yields:
        A list of the signals received so far. Native code that calls Python may swallow the
        exception; the list shows that there was a signal.
    """
    pending: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        pending.append(number)
        if len(pending) > 1:
            end_at_once()
        raise KeyboardInterrupt

    messages.append(message)
    try:
        with _handling(handler):
            yield pending
    finally:
        messages.pop()


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Set handlers for a block, then restore the earlier ones. Ignored signals stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    replaced = [number for number in SIGNALS if is_default(before[number])]
    for number in replaced:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, before[number])
