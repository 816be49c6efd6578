"""Ends a command at once when a signal comes. It is imported first, so it imports very little."""

import os
import signal
import sys

CODE = 130  # the exit code of an interrupted command
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
]
messages = ["interrupted"]  # a command that ends at once prints the last of these


def end_at_once(number: int = 0, frame: object = None) -> None:
    """End the process without clean-up. No record is lost, because each is already on the disk."""
    try:
        print(f"\n{messages[-1]}", file=sys.stderr, flush=True)
    except Exception:  # the signal interrupted another write, or the reader has ended
        try:
            os.write(2, f"\n{messages[-1]}\n".encode())
        finally:
            os._exit(CODE)
    os._exit(CODE)


def install() -> None:
    """Make signals end the process at once, until another handler is set."""
    for number in SIGNALS:
        if is_default(signal.getsignal(number)):
            signal.signal(number, end_at_once)


def is_default(handler: object) -> bool:
    """Whether a handler is Python's default or ours, rather than set by a caller or by nohup."""
    if handler in (signal.SIG_DFL, signal.default_int_handler):
        return True
    return getattr(handler, "__module__", None) in (__name__, "benchmarks.harness.interrupts")
