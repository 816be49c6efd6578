"""How a signal ends a command at once. Imports next to nothing: it is wanted before all else."""

import os
import signal
import sys

CODE = 130  # the exit code of an interrupted command
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
]
messages = ["interrupted"]  # the last one is what a command says that ends at once


def end_at_once(number: int = 0, frame: object = None) -> None:
    """Ends the process without clean-up. What is stored stays whole: records are on the disk."""
    try:
        print(f"\n{messages[-1]}", file=sys.stderr, flush=True)
    except Exception:  # the signal came in the middle of another line, or nobody reads
        try:
            os.write(2, f"\n{messages[-1]}\n".encode())
        finally:
            os._exit(CODE)
    os._exit(CODE)


def install() -> None:
    """Has signals end the process at once, until something else is arranged."""
    for number in SIGNALS:
        if is_default(signal.getsignal(number)):
            signal.signal(number, end_at_once)


def is_default(handler: object) -> bool:
    """Whether nobody else, such as a caller or nohup, has decided what the signal does."""
    if handler in (signal.SIG_DFL, signal.default_int_handler):
        return True
    return getattr(handler, "__module__", None) in (__name__, "benchmarks.harness.interrupts")
